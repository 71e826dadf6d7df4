"""Run a command in the lab guest, in the folder that holds the current tree: ``python -m tests.lab.in_guest CMD...``

The guest is booted when it does not run, and the tree is sent when it differs. Exit code and streams pass through.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from appliance.lab.vm import InGuest
from appliance.model.fault import ApplianceError

ROOT = Path(__file__).resolve().parent.parent.parent


def main(words: list[str]) -> int:
    """Returns the command's exit code."""
    place = InGuest(ROOT, lambda line: print(line, file=sys.stderr), ROOT / "build" / "lab-failures")
    try:
        place.guest.start()
        place.push_product()
    except ApplianceError as error:
        print(f"{error.message}\n{error.hint or ''}", file=sys.stderr)
        return error.exit
    return place.guest.spawn(f"cd -P /opt/appliance/current && exec {shlex.join(words)}").wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
