"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

import os
from importlib import import_module

from checking import main
from scene import SPEAKER

CHAPTERS = (
    "beginning",
    "first_boot",
    "refusals",
    "carrying",
    "rekeying",
    "steering",
    "failing",
    "injuries",
    "behind_nat",
    "changing",
    "leaving",
)
"""Each registers its checks as it is imported; each finds the lab as the one before it left it."""
LONG = {"injuries"}
"""What `appliance lab run --quick` leaves out."""
SPOKEN = ("beginning", "configuring", "carrying", "steering", "failing")
"""What is left of it for the second speaker: that which BGP has a part in."""

quick = "LAB_QUICK" in os.environ
if quick and SPEAKER != "frr":
    CHAPTERS = SPOKEN
for chapter in CHAPTERS:
    if chapter not in LONG or not quick:
        import_module(chapter)

main()
