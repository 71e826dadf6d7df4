"""By what our names in FRR are known."""

from __future__ import annotations

MARK = "appliance-"
"""Begins the name of every prefix-list and route-map of ours."""

SOURCE_MAP = f"{MARK}source"
"""The route-map by which zebra gives our own traffic an address that the far side can answer."""

BEYOND_MAP = f"{MARK}beyond"
"""The route-map by which what we originate for another cloud's network stands behind what that cloud brings."""

DEFAULT_LIST = f"{MARK}default"
"""The prefix-list that holds the default route and nothing else: what it takes goes into a table of its own."""
