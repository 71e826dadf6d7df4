"""What was asked of one target over one tunnel, and what came back. The clock is an argument.

Loss is concluded from what is outstanding, never stored: an answer that comes late takes its probe out of those that
are lost.
"""

from __future__ import annotations

from array import array
from math import ceil

from appliance.model.health import ANSWERING, LOST, SUSPECT, UNARMED, Target, TargetHealth
from appliance.model.intent import Probing

SPAN = 30.0  # seconds of the slow window
SHORTEST, LONGEST = 64, 2048  # probes of the slow window
LEAST_MARGIN, MARGIN = 0.005, 0.010  # seconds beyond what the round trip was seen to take: a tenth of the interval
MOST_PATIENCE = 1.0  # seconds, also before the first answer
BURST = 3  # quick probes before a target counts as lost
PATIENT = 5.0  # seconds of probes at full pace for one that never answered


def burst_gap(interval: float) -> float:
    """Seconds between two quick probes: a tenth of the interval, so that a burst never lasts a regular one."""
    return min(0.010, max(0.002, interval / 10))


class Window:
    """The probes of one target over one tunnel. Numbers count from zero; on the wire their lowest 16 bits go.

    A target is *suspect* after ``pace.lost`` probes in a row went unanswered; then ``BURST`` quick ones are due
    (``quick``), and only when those are lost as well is it *lost*. It is good again after ``pace.recovered`` answers in
    a row, or at once when the answer to a probe comes that was held for lost too soon. A cut that is over is no loss of
    the path as it is now: after those answers in a row the window begins anew with the first of them. Nor is what went
    out before the first answer at all, while the tunnel was still coming up.
    """

    __slots__ = (
        *("confirm", "eager", "live", "newest", "newest_answered", "pace", "quick", "since", "state", "streak"),
        *("target", "_answered", "_answered_at", "_answers", "_decided_at", "_deviation", "_first", "_last_quick"),
        *("_lost_at", "_rtt", "_sent", "_size"),
    )

    def __init__(
        self, target: Target, pace: Probing, now: float, *, confirm: int = BURST, state: str = UNARMED
    ) -> None:
        """``state`` is what was held of the target by a prober before this one: one that answered then and is silent
        now is lost, although this one has never heard it."""
        self.target, self.pace, self.confirm = target, pace, confirm
        self.state, self.since, self.streak = ANSWERING if state == SUSPECT else state, now, 0
        self.newest, self.newest_answered = -1, -1
        self._first = 0  # the oldest probe that counts
        self.quick = 0  # quick probes still to be sent
        self.live = True  # is it asked
        self._last_quick = -1
        self._answered_at: float | None = None
        self._decided_at, self._lost_at = now, now
        self._size = min(LONGEST, max(SHORTEST, ceil(SPAN / pace.interval)))
        self._sent = array("d", bytes(8 * self._size))
        self._answered = bytearray(self._size)
        self._answers = 0  # of those that count
        self._rtt: float | None = None
        self._deviation = 0.0
        self.hasten()

    def hasten(self) -> None:
        """Something happened that may have it answer: if it never did, it is worth being asked often for a while."""
        self.eager = self.newest + ceil(PATIENT / self.pace.interval)  # the newest probe until it is asked seldom

    @property
    def patience(self) -> float:
        """Seconds after which a probe counts as lost: as RFC 6298 smooths them, with a margin of our own."""
        if self._rtt is None:
            return MOST_PATIENCE
        margin = min(MARGIN, max(LEAST_MARGIN, self.pace.interval / 10))
        return min(MOST_PATIENCE, self._rtt + 4 * self._deviation + margin)

    def sent(self, now: float) -> int:
        """A probe goes out now; its number."""
        number = self.newest = self.newest + 1
        slot = number % self._size
        self._sent[slot] = now
        if self._answered[slot]:
            self._answered[slot] = 0
            self._answers -= 1
        if self.quick:
            self.quick, self._last_quick = self.quick - 1, number
        return number

    def answered(self, wire_number: int, at: float) -> bool:
        """An answer arrived at ``at``; whether that is news worth a verdict. Doubled and ancient ones are none."""
        newest, before = self.newest, self.newest_answered
        number = newest - ((newest - wire_number) & 0xFFFF)
        slot = number % self._size
        if number < self._first or number <= newest - self._size or self._answered[slot]:
            return False
        sent = self._sent[slot]
        self._answered[slot] = 1
        self._answers += 1
        rtt = at - sent if at > sent else 0.0
        if self._rtt is None:
            self._rtt, self._deviation = rtt, rtt / 2
        else:  # RFC 6298, section 2: a quarter of what is new for the deviation, an eighth for the mean
            self._deviation += (abs(self._rtt - rtt) - self._deviation) / 4
            self._rtt += (rtt - self._rtt) / 8
        if number < before:
            return False
        self.streak = self.streak + 1 if number == before + 1 else 1
        self.newest_answered, self._answered_at = number, sent
        return self.state != ANSWERING and self._heard(sent, at)

    def _heard(self, sent: float, at: float) -> bool:
        """What the newest answer means."""
        if self.state == LOST:
            if sent <= self._decided_at:
                self._become(ANSWERING, at)
                return True
            if self.streak >= self.pace.recovered:
                self._begin_with(self.newest_answered - self.streak + 1)
                self._become(ANSWERING, at)
                return True
            return self.streak == 1
        news = self.state == UNARMED
        if news:
            self._begin_with(self.newest_answered)
        self._become(ANSWERING, at)
        return news

    def judge(self, now: float) -> bool:
        """Conclude from what has not come; whether the target was lost just now. Read the answers first."""
        if self.state == ANSWERING and self._run_is_over(self.newest_answered + self.pace.lost, now):
            self._become(SUSPECT, now)
            self.quick, self._last_quick = self.confirm, self.newest_answered + self.pace.lost
        if self.state == SUSPECT and not self.quick and self._run_is_over(self._last_quick, now):
            self.streak, self._decided_at, self._lost_at = 0, now, self._time_of(self.newest_answered + 1)
            self._become(LOST, now)
            return True
        return False

    def deadline(self) -> float | None:
        """When silence will mean something; None while it cannot, or while quick probes are still to go."""
        if self.state == ANSWERING and self.newest >= self.newest_answered + self.pace.lost:
            return self._sent[(self.newest_answered + self.pace.lost) % self._size] + self.patience
        if self.state == SUSPECT and not self.quick:
            return self._sent[self._last_quick % self._size] + self.patience
        return None

    def inherit(self, other: Window, now: float) -> None:
        """Go on where a window of another pace stopped: what was held of the target stays."""
        self.state, self.since, self.streak = other.state, other.since, other.streak
        if self.state == SUSPECT:
            self._become(ANSWERING, now)
        self._rtt, self._deviation = other._rtt, other._deviation
        self._answered_at, self._decided_at, self._lost_at = other._answered_at, other._decided_at, other._lost_at

    def health(self, now: float) -> TargetHealth:
        """Everything about the target at this moment."""
        counted = min(self.newest + 1 - self._first, self._size)
        waiting = self._outstanding(now)
        settled = max(0, counted - waiting)
        return TargetHealth(
            target=self.target,
            state=self.state,
            since=self.since,
            streak=self.streak,
            answered_at=self._answered_at,
            lost_at=self._lost_at if self.state == LOST else None,
            loss=max(0.0, 1 - self._answers / settled) if settled else 0.0,
            rtt=self._rtt,
            samples=settled,
        )

    def _begin_with(self, number: int) -> None:
        """Forget what became of the probes before this one."""
        for older in range(max(self._first, self.newest - self._size + 1), number):
            self._answered[older % self._size] = 0
        self._answers = self._answered.count(1)
        self._first = max(self._first, number)

    def _time_of(self, number: int) -> float:
        """When the probe was sent; the oldest known time for one that fell out of the window."""
        return self._sent[max(number, self.newest - self._size + 1) % self._size]

    def _outstanding(self, now: float) -> int:
        """How many of the newest probes may still be answered."""
        count, number, patience = 0, self.newest, self.patience
        while number > max(self.newest_answered, self.newest - self._size) and number >= 0:
            if self._sent[number % self._size] + patience <= now:
                break
            count, number = count + 1, number - 1
        return count

    def _run_is_over(self, number: int, now: float) -> bool:
        """Whether that probe and all before it back to the newest answer are lost."""
        return number <= self.newest and self._sent[number % self._size] + self.patience <= now

    def _become(self, state: str, now: float) -> None:
        self.state, self.since, self.quick = state, now, 0
