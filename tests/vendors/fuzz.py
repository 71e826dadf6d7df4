"""Damaged documents for a number of minutes, to every parser in turn.

    python -m tests.vendors.fuzz MINUTES

Round by round, each with a few documents of every format by chance, so that every parser has its share however short
the time is: the first round is always finished, the last one ends when the time does. Ends at the first thing found.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.vendors.test_fuzz import FUZZED

TESTS = "tests/vendors/test_fuzz.py"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", TESTS)
BY_CHANCE = ("-k", "damaged")
"""The enormous lines are the same every time."""


def main(words: list[str]) -> int:
    """Returns the exit code: pytest's, 0 when nothing was found."""
    end = time.monotonic() + 60 * float(words[0] if words else 10)
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        try:
            left = None if rounds == 0 else end - time.monotonic()
            code = subprocess.run(
                [*PYTEST, *(BY_CHANCE if rounds else ())],
                env=os.environ | {"HYPOTHESIS_PROFILE": "fuzz"},
                timeout=left,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            break
        if code:
            return code
        rounds += 1
    print(f"fuzzed: {rounds} rounds over {len(FUZZED)} formats, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
