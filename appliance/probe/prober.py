"""The door of probing: one thread with one loop asks over all tunnels and keeps a window for each target.

The loop is a thread of its own so that a busy daemon delays no probe; where the system permits it runs under
SCHED_FIFO, so that a busy machine does not either. The kernel stamps what arrives: a loop that comes late sees no loss.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import ntohs
from typing import Any

from appliance.model.health import ANSWERING, Target, TargetHealth
from appliance.model.intent import Probing
from appliance.probe.echo import Echo
from appliance.probe.schedule import Schedule
from appliance.probe.sockets import Call, Connections, Datagrams, Pings
from appliance.probe.window import Window

PRIORITY = 10  # of SCHED_FIFO: above everything ordinary, below the kernel's own threads
BUSY = 500  # probes a second beyond which replies are fetched when the next probe is due, whatever they may tell
BREATH = 0.003  # seconds from one round to the next when busy: what falls due meanwhile goes together
REALTIME = "realtime"


class Prober:
    """Asks all targets. ``on_change`` is called in the prober's thread, and must be quick and raise nothing: a target
    answered for the first time, or for the first time since it was lost, or was lost, or is good again."""

    def __init__(self, on_change: Callable[[], None] = lambda: None, *, realtime: bool = True) -> None:
        self.on_change = on_change
        self.scheduling = "not started"
        self._realtime = realtime
        self._schedule = Schedule()
        self._orders: deque[tuple[tuple[Target, ...], Probing, dict[Target, str], threading.Event]] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._hastened: deque[frozenset[str]] = deque()
        self._identifier, self._cookie = secrets.randbits(16), secrets.randbits(64)
        self._places = count()
        self._calls: dict[Window, Call] = {}
        self._asking: dict[Window, Connections | Datagrams] = {}
        self._heard: dict[bytes, Window] = {}
        self._pings: dict[int, Pings] = {}
        self._listening: list[Pings] = []
        self._asked: list[Pings] = []
        self._busy, self._not_before = False, 0.0
        self._selector = DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._news = False

    def start(self) -> None:
        """Begin. Raises SystemLacks without the right to raw sockets; the thread lives in the caller's namespace."""
        self._pings = {version: Pings(version) for version in (4, 6)}
        self._choose_sockets()
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, EVENT_READ, self._woken)
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask nothing more; returns when the thread has ended."""
        if self._thread is not None:
            self._stopping = True
            self._wake()
            self._thread.join()
            self._thread = None
        for asking in self._asking.values():
            asking.close()
        for pings in self._pings.values():
            pings.close()
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def set_targets(self, targets: Iterable[Target], pace: Probing, known: Mapping[Target, str] | None = None) -> None:
        """Ask these from now on, each every ``pace.interval`` seconds. Windows of targets that stay are kept; others
        begin with the state that is ``known`` of them, from before a restart. Returns when ``health`` knows them."""
        taken = threading.Event()
        self._orders.append((tuple(targets), pace, dict(known or {}), taken))
        if self._thread is None or self._thread is threading.current_thread():
            self._take_orders()
        elif self.alive:
            self._wake()
            taken.wait(1.0)

    def hasten(self, tunnels: Iterable[str]) -> None:
        """These may answer from now on: those of their targets that never did are asked at full pace for a while."""
        self._hastened.append(frozenset(tunnels))

    def health(self, now: float) -> Mapping[str, tuple[TargetHealth, ...]]:
        """What is known of every target, by tunnel. From any thread; ``now`` is time.monotonic()."""
        found: dict[str, list[TargetHealth]] = {}
        for target, window in self._schedule.windows.items():
            found.setdefault(target.tunnel, []).append(window.health(now))
        return {tunnel: tuple(healths) for tunnel, healths in found.items()}

    @property
    def worst_lateness(self) -> float:
        """Seconds by which a probe was at most sent too late, since the start."""
        return self._schedule.worst_lateness

    def _run(self) -> None:
        self.scheduling = _rise() if self._realtime else "as asked, not realtime"
        while not self._stopping:
            self._take_orders()
            self._listen(eager=self._is_eager())
            wake_at = self._schedule.wake_at()
            timeout = None if wake_at is None else max(0.0, max(self._not_before, wake_at) - time.monotonic())
            for key, _ in self._selector.select(timeout):
                key.data()
            self._round()
            if self._news:
                self._news = False
                self.on_change()

    def _round(self) -> None:
        """What has come first, so that nothing that is here counts as lost; then what is due."""
        now = time.monotonic()
        self._not_before = now + BREATH if self._busy else 0.0
        self._hear()
        asking, lost = self._schedule.step(now)
        self._news |= lost
        if len(set(asking)) == len(asking):
            self._ask(asking)
        else:  # some are asked twice, each time by a message of its own
            for window in asking:
                self._ask([window])

    def _ask(self, asking: list[Window]) -> None:
        now = time.monotonic()
        calls = self._calls
        bursts: dict[int, list[Call]] = {4: [], 6: []}
        for window, number in zip(asking, self._schedule.sent(asking, now), strict=True):
            call = calls.get(window)
            if call is None:
                self._ask_otherwise(window, number, now)
            else:
                call.echo.number(call.letter.memory, number)
                bursts[call.version].append(call)
        for version, burst in bursts.items():
            for call in self._pings[version].ask(burst) if burst else ():
                self._schedule.windows[call.target].hasten()

    def _ask_otherwise(self, window: Window, number: int, now: float) -> None:
        asking = self._asking[window]
        if isinstance(asking, Connections):
            asking.ask(number, now)
        else:
            asking.ask(number)

    def _hear(self) -> None:
        to_monotonic = time.monotonic() - time.time()
        heard, news = self._heard, False
        for pings in self._asked:
            for seconds, nanoseconds, number, payload in pings.replies():
                window = heard.get(payload)
                if window is not None and window.answered(ntohs(number), seconds + nanoseconds * 1e-9 + to_monotonic):
                    news = True
        self._news |= news

    def _answered(self, window: Window, number: int | None) -> None:
        """A connection or datagram was answered; ``number`` None: whichever probe was the newest."""
        self._news |= window.answered(window.newest if number is None else number, time.monotonic())

    def _take_orders(self) -> None:
        while self._hastened:
            tunnels = self._hastened.popleft()
            for target, window in self._schedule.windows.items():
                if target.tunnel in tunnels:
                    window.hasten()
        if not self._orders:
            return
        takers, known = [], dict[Target, str]()
        while self._orders:
            targets, pace, more, taken = self._orders.popleft()
            known |= more
            takers.append(taken)
        new, gone = self._schedule.set_targets(targets, pace, time.monotonic(), known)
        for window in gone:
            self._drop(window)
        for window in new:
            self._adopt(window)
        self._busy = len(self._schedule.windows) / pace.interval > BUSY
        self._choose_sockets()
        self._news = True
        for taken in takers:
            taken.set()

    def _adopt(self, window: Window) -> None:
        target = window.target
        echo = Echo(next(self._places) & 0xFFFF_FFFF, self._cookie, self._identifier, target.address.version)
        if target.kind == "tcp":
            self._asking[window] = Connections(target, self._watch, partial(self._answered, window))
        elif target.kind == "udp":
            self._asking[window] = Datagrams(target, self._watch, partial(self._answered, window), echo)
        else:
            self._calls[window] = Call(target, echo)
            self._heard[echo.payload] = window

    def _drop(self, window: Window) -> None:
        call = self._calls.pop(window, None)
        if call is not None:
            del self._heard[call.echo.payload]
        asking = self._asking.pop(window, None)
        if asking is not None:
            asking.close()

    def _choose_sockets(self) -> None:
        """Those of families that anybody is asked over."""
        versions = {target.address.version for target in self._schedule.windows}
        self._asked = [pings for version, pings in self._pings.items() if version in versions]

    def _is_eager(self) -> bool:
        """Whether an answer is worth waking for: not while all is well, nor when there are so many that something is
        due all the time. What is here is read before anything is concluded, and the kernel has stamped it."""
        return not self._busy and any(window.state != ANSWERING for window in self._schedule.windows.values())

    def _listen(self, *, eager: bool) -> None:
        """Wake for every reply, or only fetch them when something is due anyway."""
        wanted = self._asked if eager else []
        if wanted == self._listening:
            return
        for pings in self._listening:
            self._selector.unregister(pings.socket)
        for pings in wanted:
            self._selector.register(pings.socket, EVENT_READ, _nothing)
        self._listening = list(wanted)

    def _watch(self, watched: socket.socket, call: Callable[[], None] | None, writable: bool) -> None:
        if call is None:
            self._selector.unregister(watched)
        else:
            self._selector.register(watched, EVENT_WRITE if writable else EVENT_READ, call)

    def _wake(self) -> None:
        self._wake_in.send(b"!")

    def _woken(self) -> None:
        self._wake_out.recv(4096)


def _nothing(*_: Any) -> None:
    """The socket is read in every round anyway."""


def _rise() -> str:
    """Put this thread before everything ordinary, where the system lets us."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        return f"not realtime: {error.strerror}"
    return REALTIME
