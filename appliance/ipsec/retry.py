"""When a tunnel that stands idle is called again: charon retries only while nobody answers, never after a refusal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from appliance.ipsec.status import can_start
from appliance.model.sa import TunnelSa

FIRST, FACTOR, LIMIT, JITTER = 2.0, 2.0, 30.0, 0.25
"""Seconds until the second call, growth, the most, and the share that chance may take off: tunnels that were refused
together do not call together."""


@dataclass(frozen=True, slots=True)
class Call:
    """How often a tunnel was called since it was last up, and when it may be called again (monotonic seconds)."""

    tries: int
    due: float


Book = Mapping[str, Call]
"""Open calls by tunnel name. Forgotten when the tunnel is up: the next fall is answered at once."""


def choose_calls(
    wanted: Collection[str], sas: Iterable[TunnelSa], book: Book, now: float, luck: Callable[[], float]
) -> tuple[tuple[str, ...], Book]:
    """The tunnels to call now, and the book as it is then. ``luck`` gives numbers from 0 to 1."""
    by_name: dict[str, list[TunnelSa]] = {name: [] for name in wanted}
    for sa in sas:
        by_name.get(sa.name, []).append(sa)
    open_calls = {
        name: book[name] for name, found in by_name.items() if name in book and not any(sa.up for sa in found)
    }
    idle = [name for name, found in sorted(by_name.items()) if can_start(found)]
    due = tuple(name for name in idle if name not in open_calls or open_calls[name].due <= now)
    for name in due:
        tries = open_calls[name].tries + 1 if name in open_calls else 1
        open_calls[name] = Call(tries, now + retry_delay(tries, luck()))
    return due, open_calls


def retry_delay(tries: int, luck: float) -> float:
    """Seconds from the call number ``tries`` to the next one."""
    return min(LIMIT, FIRST * FACTOR ** min(tries - 1, 10)) * (1 - JITTER * luck)
