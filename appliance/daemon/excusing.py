"""Losses that come of what the operator has had done: they are no fault of the path's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from appliance.model.order import Commit, Made, Order, Restart

OVER_AFTER = 60.0
"""Seconds after an order in which what it changed has shown what it does: twice a cloud's hold time."""


@dataclass(slots=True)
class Excuses:
    """``until`` is by tunnel (monotonic); ``underway`` counts orders being carried out that may touch any of them."""

    until: dict[str, float] = field(default_factory=dict)
    underway: int = 0

    def cover(self, tunnel: str, now: float) -> bool:
        """Whether a loss of this tunnel is the operator's doing."""
        return self.underway > 0 or self.until.get(tunnel, now) > now

    @contextmanager
    def during(self, order: Order, links: Mapping[str, str]) -> Iterator[list[Made]]:
        """While the block carries an order out, and for a while after it, what it touches is excused. ``links``: by
        tunnel. What was done is for the block to put into the list; when it ends in an error, all may have been."""
        done: list[Made] = []
        mine = {order.tunnel} if isinstance(order, Restart) else set[str]()
        self._excuse(mine)
        self.underway += isinstance(order, Commit)
        try:
            yield done
        except BaseException:
            mine |= set(links) if isinstance(order, Commit) else set()
            raise
        finally:
            self.underway -= isinstance(order, Commit)
            self._excuse(mine | set(touched(done, links)))

    def _excuse(self, tunnels: Iterable[str]) -> None:
        now = monotonic()
        standing = {name: until for name, until in self.until.items() if until > now}
        self.until = standing | dict.fromkeys(tunnels, now + OVER_AFTER)


def touched(made: Iterable[Made], links: Mapping[str, str]) -> frozenset[str]:
    """The tunnels that these steps were about; ``links`` by tunnel. What a speaker is told is about all of them."""
    found, tunnels = set[str](), {link: name for name, link in links.items()}
    for step in made:
        kind, _, rest = step.key.partition(" ")
        match kind:
            case "frr-config" | "exabgp-config":
                found |= set(links)
            case "ike-connection":
                found.add(rest)
            case "shared-key":
                found.add(rest.removeprefix("appliance-"))
            case "xfrm-link" | "inside-address":
                link = rest.split(" ")[0]
                found |= {tunnels[link]} if link in tunnels else set()
    return frozenset(found)
