"""Who is who in this lab, what the appliance is told, and how to look at its state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from checking import Done, Failed, node, wait_for
from observing import ip, link_with, paths, sas, sessions, verdicts

OUTSIDE = ("eth1", "eth2", "eth3")
"""The Internet router's links: to the appliance, to aws1, to aws2."""

INTENT = "/etc/appliance/intent.yaml"
PUBLIC = "203.0.113.10"
LAN = "172.16.20.0/24"
EVERYTHING = "0.0.0.0/0"
SOMEWHERE = "192.0.2.200"
"""A host on the Internet."""
PRIVATE = "net 10.0.0.0/8 or net 172.16.0.0/12 or net 169.254.0.0/16"
"""What must never be seen outside: whatever belongs into the tunnels, and what nobody there could answer."""
ASN, PEER_ASN = 65010, 64512
SPEAKER = os.environ.get("LAB_SPEAKER", "frr")
"""Who speaks BGP on the appliance; the far ends are FRR at any rate."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as the cloud has it: its outside address, both inside addresses, the node at its far end."""

    remote: str
    inside: str
    peer: str
    end: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """One connection: its id and document, the prefix and the host behind it, and what only the operator knows."""

    id: str
    document: str
    prefix: str
    host: str
    tunnels: tuple[Tunnel, Tunnel]
    options: tuple[str, ...] = ()


FIRST = Cloud(
    "vpn-0fa4e000000000001",
    "/opt/lab/vpn-0fa4e000000000001.txt",
    "10.1.0.0/16",
    "10.1.0.4",
    (
        Tunnel("198.51.100.2", "169.254.60.6", "169.254.60.5", "aws1"),
        Tunnel("192.0.2.2", "169.254.61.10", "169.254.61.9", "aws2"),
    ),
    ("--name", "first", "--asn", str(ASN), "--peer-asn", str(PEER_ASN)),
)
SECOND = Cloud(
    "vpn-0fa4e000000000002",
    "/opt/lab/vpn-0fa4e000000000002-generic.txt",
    "10.2.0.0/16",
    "10.2.0.4",
    (
        Tunnel("198.51.100.3", "169.254.62.14", "169.254.62.13", "aws1"),
        Tunnel("192.0.2.3", "169.254.63.18", "169.254.63.17", "aws2"),
    ),
    ("--name", "second", "--crypto", "recommended"),
)


# What the operator does


def configure(
    cloud: Cloud, *options: str, document: str | None = None, uplink: str = "isp1=eth1", wait: int = 60
) -> Done:
    """The main job, as a script runs it. Its end is for the caller to judge."""
    return node("gw").run(
        "appliance",
        "configure",
        "--bgp",
        "--from",
        document or cloud.document,
        *cloud.options,
        "--lan",
        LAN,
        "--uplink",
        uplink,
        "--wait",
        f"{wait}s",
        "--yes",
        "--json",
        *(("--speaker", SPEAKER) if SPEAKER != "frr" else ()),
        *options,
        ok=False,
        timeout=wait + 120,
    )


def must_configure(cloud: Cloud, *options: str, **given: Any) -> Any:
    """Configure, and bring both tunnels to carry."""
    done = configure(cloud, *options, **given)
    if done.code:
        raise Failed(f"configure ended with {done.code}: {(done.out + done.err).strip()[-600:]}")
    wait_for_paths(cloud)
    return done.json()


def forgive() -> None:
    """Whoever loses a tunnel four times within minutes finds it held back for a quarter of an hour, and this lab takes
    tunnels away all the time: the daemon begins again without knowing of it."""
    node("gw").shell("kill -9 $(pgrep -f '^/usr/bin/python3 .*appliance run$'); rm -f /run/appliance/paths.json")
    wait_for(lambda: verdicts("gw"), 60, "the next daemon to say what it holds of the tunnels")
    wait_for(lambda: [*map(received, FIRST.tunnels)] == [1, 1], 60, "its sessions, where they are the daemon's own")
    wait_for_paths(FIRST)


def reason(done: Done) -> str:
    """What a failed verb says to a program."""
    try:
        return json.dumps(json.loads(done.out))
    except ValueError:
        raise Failed(f"not one JSON value on stdout: {done.out[-300:]!r}, stderr {done.err[-300:]!r}") from None


def appliance(*words: str) -> Any:
    """A verb of the appliance that must succeed; its JSON."""
    return node("gw").run("appliance", *words, "--json", timeout=240).json()


def told_of(status: Any, cloud: Cloud) -> dict[str, Any]:
    """What a status says of a connection's tunnels, by outside address."""
    (connection,) = (connection for connection in status["connections"] if connection["id"] == cloud.id)
    return {tunnel["remote"]: tunnel for tunnel in connection["tunnels"]}


# What the kernel, charon and the speaker say


def received(tunnel: Tunnel) -> int | None:
    """How many prefixes a tunnel's session brought, by the speaker's own word; None while it is not established."""
    peer = sessions("gw")[tunnel.peer]
    return int(peer["pfxRcd"]) if peer["state"] == "Established" else None


def interface(tunnel: Tunnel) -> str:
    """The appliance's XFRM interface of a tunnel: the one that has its inside address."""
    return link_with("gw", tunnel.inside)


def mtu(tunnel: Tunnel) -> int:
    return int(ip("gw", "link", "show", "dev", interface(tunnel))[0]["mtu"])


def children(tunnel: Tunnel) -> list[dict[str, Any]]:
    """The appliance's installed child SAs to a tunnel's far end."""
    return [
        child
        for sa in sas("gw")
        if sa["remote-host"] == tunnel.remote
        for child in sa["child-sas"]
        if child["state"] == "INSTALLED"
    ]


def only_child(tunnel: Tunnel) -> dict[str, Any]:
    """The one installed child SA of a tunnel."""
    found = children(tunnel)
    if len(found) != 1:
        raise Failed(f"{len(found)} child SAs to {tunnel.remote} are installed, not one")
    return found[0]


def spis(tunnels: Iterable[Tunnel]) -> dict[str, set[str]]:
    """Outside address -> the inbound SPIs of its child SAs."""
    return {tunnel.remote: {child["spi-in"] for child in children(tunnel)} for tunnel in tunnels}


def wait_for_paths(cloud: Cloud, tunnels: Sequence[Tunnel] | None = None, timeout: float = 60) -> None:
    """Until exactly these tunnels (none named: both) carry the connection's prefix, there and back."""
    wanted = {interface(tunnel) for tunnel in (cloud.tunnels if tunnels is None else tunnels)}
    ends = {tunnel.end for tunnel in (cloud.tunnels if tunnels is None else tunnels)}
    wait_for(lambda: paths("gw", cloud.prefix) == wanted, timeout, f"{cloud.prefix} over {sorted(wanted) or 'nothing'}")
    links = {"aws1": "eth1", "aws2": "eth2"}
    wait_for(lambda: paths("vpc", LAN) == {links[end] for end in ends}, timeout, f"{LAN} back over {sorted(ends)}")


# What the world outside does


def wire(*words: str) -> None:
    """The Internet router's manners: see far-ends/wire."""
    node("internet").run("/opt/internet/wire", *words)


def set_med(tunnel: Tunnel, cloud: Cloud, med: int) -> None:
    """The MED that a tunnel's far end announces the connection's prefix with."""
    name = "first" if cloud is FIRST else "second"
    node(tunnel.end).run(
        "vtysh", "-c", "configure terminal", "-c", f"route-map {name} permit 10", "-c", f"set metric {med}"
    )
    node(tunnel.end).run("vtysh", "-c", "clear bgp * soft out")
