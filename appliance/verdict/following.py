"""Over which tunnel the cloud sends: in mode policy its own choice, which it changes without a word."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from math import inf

LOOKS = 2
"""Looks in a row at which packets came over another tunnel alone: one may still be what was under way."""
SETTLED = 10.0
"""Seconds from one move to the next at the earliest: a cloud that sways does not make us sway as fast."""


@dataclass(frozen=True, slots=True)
class Heading:
    """``tunnel``: over which it sends, None: never heard. ``other`` has been the only one for ``looks`` looks. Times
    are monotonic."""

    tunnel: str | None = None
    other: str | None = None
    looks: int = 0
    moved_at: float = -inf


def still_known(was: Heading, standing: Container[str]) -> Heading:
    """The heading while the tunnel it names stands. Set up anew, a gateway begins with the tunnel it likes best, and as
    long as ours go elsewhere nothing comes back that would tell."""
    return was if was.tunnel is None or was.tunnel in standing else Heading()


def notice(was: Heading, grown: Mapping[str, int], now: float) -> Heading:
    """The heading after a look. ``grown``: how many packets came out of each tunnel's SAs since the look before; when
    none came, or over several tunnels, nothing is said."""
    sending = [name for name, packets in grown.items() if packets > 0]
    if not sending:
        return was
    if len(sending) > 1 or sending[0] == was.tunnel:
        return replace(was, other=None, looks=0)
    looks = was.looks + 1 if was.other == sending[0] else 1
    if looks < LOOKS or now - was.moved_at < SETTLED:
        return replace(was, other=sending[0], looks=looks)
    return Heading(sending[0], moved_at=-inf if was.tunnel is None else now)  # the first is no move
