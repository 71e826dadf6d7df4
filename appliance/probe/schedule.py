"""Whose turn it is: regular probes in rows, quick ones for suspects, deadlines. The clock is an argument."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush, heapreplace
from itertools import count
from operator import itemgetter

from appliance.model.health import SUSPECT, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.window import BURST, Window, burst_gap

GOLDEN = 0.6180339887498949
"""Its multiples fill an interval evenly, however many there are: rows are as long as each other."""

LEAST_WIDTH, WIDTH, PART = 0.004, 0.020, 10
"""Seconds from one row to the next: a tenth of the interval, within these limits. A wake-up costs more than ten probes:
the processor has done other things meanwhile."""

SELDOM = 1.0
"""Seconds between two probes of one that did not answer while it was asked often: its silence decides nothing."""


class Row:
    """Windows whose probes go out together, in one burst."""

    __slots__ = ("interval", "turn", "turns", "windows")

    def __init__(self, interval: float) -> None:
        self.windows: list[Window] = []
        self.interval = interval
        self.turns, self.turn = max(1, int(SELDOM / interval)), 0

    def take_turn(self) -> list[Window]:
        """Who is asked now: all but those that never answered, of which it is each time another part's turn."""
        turn = self.turn = self.turn + 1
        turns = self.turns
        return [
            window
            for place, window in enumerate(self.windows, turn)
            if window.state != UNARMED or window.newest < window.eager or not place % turns
        ]


class Schedule:
    """The windows of all targets and what is due when. ``confirm``: quick probes before a target counts as lost."""

    def __init__(self, *, confirm: int = BURST) -> None:
        self.windows: Mapping[Target, Window] = {}
        self.worst_lateness = 0.0
        self._confirm, self._interval = confirm, 0.0
        self._rows: dict[tuple[float, int], Row] = {}
        self._regular: list[tuple[float, int, Row]] = []
        self._singly: list[tuple[float, int, bool, Window]] = []
        self._begun = 0.0
        self._serial, self._places = count(), count()

    def set_targets(
        self, targets: Sequence[Target], pace: Probing, now: float, known: Mapping[Target, str] | None = None
    ) -> tuple[list[Window], list[Window]]:
        """Ask these from now on. The window of a target that was asked before stays, unless the pace is another.
        ``known``: the states of targets that somebody else asked before. The windows that are new, and those that
        are asked no more. Objects that are there already are not compared: most of a thousand stay at each reload."""
        stay = set(map(id, targets)) if pace.interval == self._interval else set()
        windows = dict(self.windows)
        left = {target: windows.pop(target) for target in self.windows if id(target) not in stay}
        seen = set(map(id, windows))
        new: dict[Target, Window | None] = {}
        for target in [target for target in targets if id(target) not in seen]:
            kept = left.get(target)
            if kept is not None and pace.interval == self._interval:
                windows[target] = left.pop(target)
            elif target not in windows:
                new[target] = kept
        begun = self._begin(new, pace, now, known or {})
        windows |= {target: begun[target] for target in new}
        self._leave(left.values())
        for window in windows.values():
            window.pace = pace
        self.windows = windows
        return list(begun.values()), list(left.values())

    def wake_at(self) -> float | None:
        """When something is due next."""
        if not self._singly:
            return self._regular[0][0] if self._regular else None
        return min(self._singly[0][0], self._regular[0][0]) if self._regular else self._singly[0][0]

    def step(self, now: float) -> tuple[list[Window], bool]:
        """The windows whose probe is to be sent now, and whether a target was lost. Tell the windows every answer
        that is there before; call :meth:`sent` for them after."""
        asking: list[Window] = []
        rows = self._regular
        while rows and rows[0][0] <= now:
            due, serial, row = rows[0]
            if row.windows:
                asking += row.take_turn()
                heapreplace(rows, (self._again(due, now, row.interval), serial, row))
            else:
                heappop(rows)
        return asking, self._step_singly(now, asking) if self._singly else False

    def sent(self, asking: Sequence[Window], now: float) -> list[int]:
        """The probes of these windows go out; their numbers."""
        numbers = [window.sent(now) for window in asking]
        for window in asking:
            if window.newest - window.newest_answered >= window.pace.lost and window.state != UNARMED:
                deadline = window.deadline()
                if deadline is not None:
                    self._push(deadline, window)
        return numbers

    def _step_singly(self, now: float, asking: list[Window]) -> bool:
        """Quick probes and deadlines; whether a target was lost."""
        lost, due = False, self._singly
        while due and due[0][0] <= now:
            _, _, quick, window = heappop(due)
            if not window.live:
                continue
            if not quick:
                lost |= self._conclude(window, now)
            elif window.state == SUSPECT and window.quick:
                asking.append(window)
        return lost

    def _again(self, due: float, now: float, interval: float) -> float:
        """When the next regular probes are due; those that were missed are not made up for."""
        late = now - due
        self.worst_lateness = max(self.worst_lateness, late)
        return due + interval if late < interval else now + interval - late % interval

    def _conclude(self, window: Window, now: float) -> bool:
        before = window.state
        lost = window.judge(now)
        if before != SUSPECT and window.state == SUSPECT:
            gap = burst_gap(window.pace.interval)
            for place in range(window.quick):
                self._push(now + place * gap, window, quick=True)
        elif not lost:
            deadline = window.deadline()
            if deadline is not None and deadline > now:
                self._push(deadline, window)
        return lost

    def _push(self, at: float, window: Window, *, quick: bool = False) -> None:
        heappush(self._singly, (at, next(self._serial), quick, window))

    def _begin(
        self, targets: Mapping[Target, Window | None], pace: Probing, now: float, known: Mapping[Target, str]
    ) -> dict[Target, Window]:
        """A window for each, in a row that is due within the interval. Those of a row are made one after the other:
        what is used together then lies together, and a burst finds most of it in the processor's caches."""
        interval = self._interval = pace.interval
        rows = max(1, round(interval / min(WIDTH, max(LEAST_WIDTH, interval / PART))))
        placed = [(int(next(self._places) * GOLDEN % 1 * rows), target) for target in targets]
        made = {}
        for place, target in sorted(placed, key=itemgetter(0)):
            made[target] = window = Window(target, pace, now, confirm=self._confirm, state=known.get(target, UNARMED))
            before = targets[target]
            if before is not None:
                window.inherit(before, now)
            self._row(place, rows, now).windows.append(window)
        return made

    def _row(self, place: int, rows: int, now: float) -> Row:
        interval = self._interval
        row = self._rows.get((interval, place))
        if row is None:
            row = self._rows[interval, place] = Row(interval)
            self._begun = self._begun or now
            due = now + (self._begun + place * interval / rows - now) % interval
            heappush(self._regular, (due, next(self._serial), row))
        return row

    def _leave(self, gone: Collection[Window]) -> None:
        """They are asked no more."""
        for window in gone:
            window.live = False
        for key, row in list(self._rows.items()) if gone else ():
            row.windows = [window for window in row.windows if window.live]
            if not row.windows:
                del self._rows[key]
