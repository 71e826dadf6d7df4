"""BGP as ExaBGP is told: every neighbour with what it hears from us."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.model.peering import OPEN, SHUT, BgpRouter, Neighbor
from appliance.templates.filling import load_template

RESTART_TIME = 120
"""Seconds for which neighbours are asked to keep what we told while we restart (RFC 4724), and for which we keep what
they told."""

BRIDGE = "/run/appliance-speaker/bridge"
"""Where the daemon lays the API process before it starts ExaBGP."""

GRACEFUL_SHUTDOWN = "65535:0"
"""The community of a path that is about to go (RFC 8326)."""

_SAFE = re.compile(r"[A-Za-z0-9:/][A-Za-z0-9 ._:/+\[\]-]*")


def render_exabgp(router: BgpRouter, templates: Mapping[str, str]) -> str:
    """The whole configuration. ``templates`` are the files of ``exabgp/`` by name."""
    held = (peer for peer in router.neighbors if peer.stance != SHUT)
    peers = tuple(sorted(held, key=lambda peer: (peer.address.version, int(peer.address))))
    return load_template(templates, "exabgp.conf.j2", _SAFE, "ExaBGP").render(
        router=router,
        peers=peers,
        told={peer.address: told(peer, router) for peer in peers},
        restart_time=RESTART_TIME,
        bridge=BRIDGE,
    )


def told(peer: Neighbor, router: BgpRouter) -> tuple[str, ...]:
    """A line for each prefix that this neighbour hears: what is originated and its policy permits. The path holds our
    number once for us and once for every prepend; it is the one by which this cloud knows us."""
    permitted = {rule.prefix for rule in peer.announce if rule.permit}
    own = [str(peer.local_asn or router.asn)] * (1 + peer.told_prepend)
    standard = [item for item in peer.communities if item.count(":") == 1]
    standard += [GRACEFUL_SHUTDOWN] if peer.stance != OPEN else []
    large = [item for item in peer.communities if item.count(":") == 2]
    words = ["next-hop self"]
    words += [f"as-path [ {' '.join(own)} ]"] if len(own) > 1 else []
    words += [f"med {peer.told_med}"] if peer.told_med is not None else []
    words += [f"community [ {' '.join(standard)} ]"] if standard else []
    words += [f"large-community [ {' '.join(large)} ]"] if large else []
    return tuple(" ".join((str(network), *words)) for network in router.networks if network in permitted)
