"""Whose turn it is: regular probes at spread phases, quick ones for suspects, deadlines. The clock is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from itertools import count

from appliance.model.health import SUSPECT, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.window import BURST, Window, burst_gap

GOLDEN = 0.6180339887498949
"""Its multiples fill an interval evenly, however many there are: no two targets are asked in the same breath."""

PATIENT, SELDOM = 100, 1.0
"""After so many probes, one that never answered is asked this often only (seconds): its silence decides nothing."""

REGULAR, QUICK, DEADLINE = range(3)


class Schedule:
    """The windows of all targets and what is due when. ``confirm``: quick probes before a target counts as lost."""

    def __init__(self, *, confirm: int = BURST) -> None:
        self.windows: Mapping[Target, Window] = {}
        self.worst_lateness = 0.0
        self._confirm = confirm
        self._heap: list[tuple[float, int, int, Window]] = []
        self._serial, self._places = count(), count()

    def set_targets(
        self, targets: Iterable[Target], pace: Probing, now: float, known: Mapping[Target, str] | None = None
    ) -> None:
        """Ask these from now on. The window of a target that was asked before stays, unless the pace is another.
        ``known``: the states of targets that somebody else asked before."""
        windows: dict[Target, Window] = {}
        for target in dict.fromkeys(targets):
            kept = self.windows.get(target)
            if kept is not None and kept.pace.interval == pace.interval:
                kept.pace = pace
                windows[target] = kept
            else:
                state = (known or {}).get(target, UNARMED)
                windows[target] = Window(target, pace, now, confirm=self._confirm, state=state)
                if kept is not None:
                    windows[target].inherit(kept, now)
                phase = next(self._places) * GOLDEN % 1 * pace.interval
                self._push(now + phase, REGULAR, windows[target])
        for target, window in self.windows.items():
            window.live = windows.get(target) is window
        self.windows = windows

    def wake_at(self) -> float | None:
        """When something is due next."""
        return self._heap[0][0] if self._heap else None

    def step(self, now: float) -> tuple[list[Window], bool]:
        """The windows whose probe is to be sent now, and whether a target was lost. Tell the windows every answer
        that is there before; call :meth:`sent` for each probe after."""
        asking: list[Window] = []
        lost = False
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, _, what, window = heappop(heap)
            if not window.live:
                continue
            if what == REGULAR:
                asking.append(window)
                self._again(due, now, window)
            elif what == DEADLINE:
                lost |= self._conclude(window, now)
            elif window.state == SUSPECT and window.quick:
                asking.append(window)
        return asking, lost

    def sent(self, window: Window, now: float) -> int:
        """The window's probe goes out; its number."""
        number = window.sent(now)
        deadline = window.deadline()
        if deadline is not None:
            self._push(deadline, DEADLINE, window)
        return number

    def _again(self, due: float, now: float, window: Window) -> None:
        """The next regular probe; those that were missed are not made up for."""
        interval = window.pace.interval
        if window.state == UNARMED and window.newest >= PATIENT:
            interval = max(interval, SELDOM)
        late = now - due
        self.worst_lateness = max(self.worst_lateness, late)
        self._push(due + interval if late < interval else now + interval - late % interval, REGULAR, window)

    def _conclude(self, window: Window, now: float) -> bool:
        before = window.state
        lost = window.judge(now)
        if before != SUSPECT and window.state == SUSPECT:
            gap = burst_gap(window.pace.interval)
            for place in range(window.quick):
                self._push(now + place * gap, QUICK, window)
        elif not lost:
            deadline = window.deadline()
            if deadline is not None and deadline > now:
                self._push(deadline, DEADLINE, window)
        return lost

    def _push(self, at: float, what: int, window: Window) -> None:
        heappush(self._heap, (at, next(self._serial), what, window))
