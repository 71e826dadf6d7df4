"""Routers to render, for every test about FRR: two tunnels of one cloud, and as many others as chance gives."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

from appliance.frr.render import render_frr
from appliance.model.peering import BEHIND, CLOSED, OPEN, SHUT, BgpRouter, Neighbor, PrefixRule
from appliance.model.resources import FrrConfig

TEMPLATES = Path(__file__).resolve().parents[2] / "frr-templates"
ACCEPT = (
    PrefixRule(False, ip_network("172.16.20.0/24"), le=32),
    PrefixRule(False, ip_network("169.254.0.0/16"), le=32),
    PrefixRule(True, ip_network("0.0.0.0/0"), ge=1, le=28),
)
ACCEPT6 = (PrefixRule(True, ip_network("::/0"), ge=1, le=64),)
ANNOUNCE = (PrefixRule(True, ip_network("172.16.20.0/24")),)
ANNOUNCE6 = (PrefixRule(True, ip_network("fd00:20::/64")),)


@cache
def templates() -> tuple[tuple[str, str], ...]:
    return tuple((path.name, path.read_text()) for path in sorted(TEMPLATES.glob("*.j2")))


def render(router: BgpRouter) -> str:
    return render_frr(router, dict(templates()))


def config(router: BgpRouter) -> FrrConfig:
    return FrrConfig(render(router), router.secrets)


def neighbor(address: str, local: str, tunnel: str, **changed: object) -> Neighbor:
    """A session as AWS has it, but in a hurry."""
    six = ":" in address
    session = Neighbor(
        address=ip_address(address),
        local_address=ip_address(local),
        connection="vpc",
        tunnel=tunnel,
        peer_asn=64512,
        keepalive=1,
        hold=3,
        accept=ACCEPT6 if six else ACCEPT,
        announce=ANNOUNCE6 if six else ANNOUNCE,
        max_prefixes=100,
    )
    return replace(session, **changed)  # type: ignore[arg-type]


FIRST = neighbor("169.254.23.5", "169.254.23.6", "vpc-1")
SECOND = neighbor("169.254.24.5", "169.254.24.6", "vpc-2")
SIXTH = neighbor("fd00:1::1", "fd00:1::2", "vpc-6")

ROUTER = BgpRouter(
    asn=65000,
    router_id=ip_address("172.16.20.80"),  # type: ignore[arg-type]
    neighbors=(FIRST, SECOND),
    networks=(ip_network("172.16.20.0/24"),),
)


def with_neighbors(*neighbors: Neighbor, **changed: object) -> BgpRouter:
    return replace(ROUTER, neighbors=neighbors, **changed)  # type: ignore[arg-type]


def random_router(chance: random.Random, asn: int = 65000) -> BgpRouter:
    """Any router that an intent could lead to: one without a neighbour is none of ours."""
    templates = [template for template in (FIRST, SECOND, SIXTH) if chance.random() < 0.75] or [FIRST]
    neighbors = tuple(_random_neighbor(chance, template) for template in templates)
    networks = [ip_network(text) for text in ("172.16.20.0/24", "172.16.21.0/24", "10.99.0.0/16", "fd00:20::/64")]
    return BgpRouter(
        asn=asn,
        router_id=ip_address(chance.choice(("172.16.20.80", "172.16.20.80", "172.16.20.81"))),  # type: ignore[arg-type]
        neighbors=neighbors,
        networks=tuple(network for network in networks if chance.random() < 0.6),
        beyond=frozenset(network for network in networks[2:3] if chance.random() < 0.3),
        maximum_paths=chance.choice((1, 2, 8, 8, 8)),
        always_compare_med=chance.random() < 0.3,
        source=chance.choice((None, ip_address("172.16.20.80"))),  # type: ignore[arg-type]
    )


def _random_neighbor(chance: random.Random, template: Neighbor) -> Neighbor:
    return replace(
        template,
        connection=chance.choice(("vpc", "vpc", "other")),
        peer_asn=chance.choice((64512, 64512, 64513)),
        keepalive=chance.choice((1, 10)),
        hold=chance.choice((3, 30)),
        accept=tuple(chance.sample(_rules(template), chance.randint(0, 4))),
        announce=tuple(chance.sample(_rules(template), chance.randint(0, 2))),
        max_prefixes=chance.choice((100, 1000)),
        force_med=chance.choice((None, 0, 7)),
        med=chance.choice((None, 0, 50)),
        prepend=chance.randint(0, 3),
        communities=tuple(chance.sample(("64512:1", "65000:9300", "64512:1:2"), chance.randint(0, 3))),
        local_asn=chance.choice((None, None, 65010)),
        local_pref=chance.choice((None, 200)),
        stance=chance.choice((OPEN, OPEN, BEHIND, CLOSED, SHUT)),
    )


def _rules(template: Neighbor) -> list[PrefixRule]:
    if template.address.version == 6:
        nets = [ip_network(text) for text in ("::/0", "fd00::/8", "fd00:99::/48", "2001:db8::/32")]
        most = 128
    else:
        nets = [ip_network(text) for text in ("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16")]
        most = 32
    plain = [PrefixRule(permit, net) for net in nets for permit in (True, False)]
    return plain + [
        PrefixRule(permit, net, le=le) for net in nets for permit in (True, False) for le in (most, most - 8)
    ]
