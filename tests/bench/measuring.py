"""In the box, or in a network namespace: measure the goals asked for and print their rows as JSON.

python -m tests.bench.measuring C3 I4
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout

from tests.bench import (
    applying,
    changing,
    failover,
    gating,
    holding,
    importing,
    learning,
    memory,
    passing,
    scaling,
    steering,
    watching,
)
from tests.bench.rows import Row, as_data


def _measure_booting() -> list[Row]:
    from tests.bench import booting  # of the host alone: a guest has neither QEMU nor the image

    with redirect_stdout(sys.stderr):  # what guests say while they boot is no row
        return booting.measure()


GOALS: Mapping[str, Callable[[], list[Row]]] = {
    "C1": changing.measure,
    "C2": passing.measure_passes,
    "C2x": passing.measure_passes_in_box,
    "C3": applying.measure,
    "C4": scaling.measure_removal,
    "C4x": scaling.measure_xfrm_removal,
    "C9": importing.measure,
    "F1": failover.measure,
    "F1-exabgp": steering.measure,
    "F1-frr": gating.measure,
    "F2": scaling.measure_switch,
    "F3": watching.measure_many,
    "F4": watching.measure_calm,
    "I1": _measure_booting,
    "I4": memory.measure,
    "I5": passing.measure_idle,
    "R1": lambda: [*learning.measure_learning(), *holding.measure_memory(), *holding.measure_ends()],
}

if __name__ == "__main__":
    print(json.dumps([as_data(row) for goal in sys.argv[1:] for row in GOALS[goal]()]))
