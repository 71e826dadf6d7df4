"""What was seen of a site with two connections, scene by scene."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from appliance.design.tunnels import ike_connection, xfrm_link
from appliance.design.underlay import underlay_of
from appliance.model.forwarding import BGP_PROTOCOL, ForwardingRoute, LinkCounters, Via
from appliance.model.sa import TunnelSa
from appliance.model.session import BgpSession
from appliance.report.evidence import Evidence
from tests.design.wishes import fixed, wish_for

AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
WISH = wish_for(fixed())
VPC_NET, LAB_NET = ip_network("10.0.0.0/16"), ip_network("10.9.4.0/24")


def sa(name: str, **changed: object) -> TunnelSa:
    """An SA of one tunnel, in full."""
    ike = IKES[name]
    made = TunnelSa(
        name=name, ike_id=1, ike_state="established", version=2, local=ip_address("203.0.113.202"), local_port=4500,
        remote=ike.remote, remote_port=4500, local_id=ike.local_id, remote_id=ike.remote_id, initiator=True, nat_t=True,
        ike_proposal="aes256-sha256-modp2048", established_s=600, if_id=ike.if_id, child=f"appliance-{name}",
        child_id=1, child_state="installed", esp_proposal="aes256-sha256-modp2048", spi_in="c0000001",
        spi_out="c0000002", rekey_in_s=1310,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


def session(address: str, **changed: object) -> BgpSession:
    """A session that brings one prefix."""
    made = BgpSession(
        ip_address(address), "established", 64512, 65010, since=AT - timedelta(minutes=9), received=1, accepted=1,
        advertised=1, established_count=1,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]


def route(prefix: object, *links: str) -> ForwardingRoute:
    return ForwardingRoute(prefix, BGP_PROTOCOL, 20, tuple(Via(link) for link in links))  # type: ignore[arg-type]


LINKS = {tunnel.name: xfrm_link(WISH, connection, tunnel) for connection, tunnel in WISH.tunnels}
IKES = {t.name: ike_connection(c, t, underlay_of(WISH, t), alone=True) for c, t in WISH.tunnels}
PEERS = {"vpc-1": "169.254.23.5", "vpc-2": "169.254.22.73", "lab-1": "169.254.123.5", "lab-2": "169.254.122.73"}

CARRYING = Evidence(
    at=AT,
    intent=fixed(),
    links=LINKS,
    ikes=IKES,
    sas=tuple(sa(name) for name in PEERS),
    sessions=tuple(session(address) for address in PEERS.values()),
    routes=(route(VPC_NET, "vpc-1", "vpc-2"), route(LAB_NET, "lab-1", "lab-2")),
    blackholes=(VPC_NET, LAB_NET, ip_network("10.9.0.0/16")),
    counters={name: LinkCounters(3_600_000, 512) for name in PEERS},
    publics={name: ip_address("203.0.113.202") for name in PEERS},
    learned={"vpc": (VPC_NET,), "lab": (LAB_NET,)},
    told={"vpc": fixed().site.networks, "lab": fixed().site.networks},
)
STANDBY = replace(CARRYING, routes=(route(VPC_NET, "vpc-1"), route(LAB_NET, "lab-1", "lab-2")))


def without(seen: Evidence, *tunnels: str) -> Evidence:
    """These tunnels never came up."""
    peers = {ip_address(PEERS[name]) for name in tunnels}
    active = [replace(one, state="active", since=None, received=0, accepted=0, advertised=0)
              if one.address in peers else one for one in seen.sessions]  # fmt: skip
    routes = [replace(one, vias=tuple(via for via in one.vias if via.link not in tunnels)) for one in seen.routes]
    return replace(
        seen, sas=tuple(one for one in seen.sas if one.name not in tunnels), sessions=tuple(active),
        routes=tuple(one for one in routes if one.vias),
    )  # fmt: skip


DEGRADED = without(CARRYING, "vpc-2")
DOWN = without(CARRYING, *PEERS)
ONE_DOWN = without(CARRYING, "vpc-1", "vpc-2")
TAKEN_DOWN = replace(without(CARRYING, "lab-1", "lab-2"), down=frozenset({"lab"}), told={"vpc": fixed().site.networks},
    links={name: link for name, link in LINKS.items() if not name.startswith("lab")})  # fmt: skip
SILENT = replace(CARRYING, sas=(), silent={"charon": "charon does not answer: start strongswan.service"})
DRIFTED = replace(CARRYING, drift=("+ xfrm-link vpc-2: if_id 981800224, mtu 1438", "~ sysctl net.ipv4.ip_forward"))
SCENES = {
    "carrying": CARRYING, "standby": STANDBY, "degraded": DEGRADED, "down": DOWN, "one-down": ONE_DOWN,
    "taken-down": TAKEN_DOWN, "charon-silent": SILENT, "drifted": DRIFTED,
}  # fmt: skip
