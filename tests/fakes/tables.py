"""What a fake kernel's tables hold, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.kernel.wire import Ack
from appliance.model.resources import Blackhole, Nexthop, NexthopGroup, Route, Rule


class Refusal(Exception):
    """What Linux would answer."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(text)
        self.ack = Ack(errno, text)


@dataclass(frozen=True, slots=True)
class Held:
    """An object in the tables with the protocol number of who wrote it."""

    resource: Nexthop | NexthopGroup | Route | Blackhole | Rule
    protocol: int
