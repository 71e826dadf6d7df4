"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

import os
from importlib import import_module

from checking import main

CHAPTERS = ("starting", "upkeep", "failing", "meddling", "injuries", "leaving")
"""Each registers its checks as it is imported; each finds the lab as the one before it left it."""
LONG = {"upkeep"}
"""What `appliance lab run --quick` leaves out: aws-bgp-ecmp shows it too."""

for chapter in CHAPTERS:
    if chapter not in LONG or "LAB_QUICK" not in os.environ:
        import_module(chapter)

main()
