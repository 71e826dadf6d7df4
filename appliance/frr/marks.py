"""By what our names in FRR are known."""

from __future__ import annotations

MARK = "appliance-"
"""Begins the name of every prefix-list and route-map of ours."""

SOURCE_MAP = f"{MARK}source"
"""The route-map by which zebra gives our own traffic an address that the far side can answer."""
