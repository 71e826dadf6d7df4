"""What must hold with the embedded speaker, in the order in which it happens. The README has the table."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

os.environ["LAB_SPEAKER"] = "exabgp"
sys.path.append(str(Path(__file__).resolve().parent.parent / "aws-bgp-ecmp"))
"""Who is who is as there."""

for chapter in ("beginning", "configuring", "speaking", "dying", "exchanging"):
    import_module(chapter)

from checking import main  # noqa: E402

main()
