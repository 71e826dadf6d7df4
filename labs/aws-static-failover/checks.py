"""What must hold in this lab, in the order in which it happens. The README has the table."""

from __future__ import annotations

from importlib import import_module

from checking import main

CHAPTERS = ("starting", "upkeep", "failing", "meddling", "injuries", "leaving")
"""Each registers its checks as it is imported; each finds the lab as the one before it left it."""

for chapter in CHAPTERS:
    import_module(chapter)

main()
