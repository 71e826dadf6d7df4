"""What the kernel's main table, and that of LANs' default routes, do with traffic, whoever wrote a route: evidence for
status and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.resources import LEARNED_PROTOCOL

BGP_PROTOCOL = 186
"""The rtnetlink protocol number of the routes that FRR's zebra installs for BGP (RTPROT_BGP)."""


BGP_PROTOCOLS = frozenset({BGP_PROTOCOL, LEARNED_PROTOCOL})
"""Of routes that came over BGP, whichever speaker brought them."""


@dataclass(frozen=True, slots=True)
class Via:
    """One way out: an interface, where it has one a gateway, and its share among the others (1-256)."""

    link: str
    gateway: IPAddress | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ForwardingRoute:
    """A route of the main table with its ways out, nexthop objects and groups resolved.

    ``protocol`` is who wrote it (``BGP_PROTOCOL``, or ours); ``nexthop`` the id of the object or group it names.
    """

    prefix: IPNetwork
    protocol: int
    metric: int
    vias: tuple[Via, ...]
    nexthop: int | None = None


class LinkCounters(NamedTuple):
    """Bytes that a link received and sent since it was made."""

    received: int
    sent: int
