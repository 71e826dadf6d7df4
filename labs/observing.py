"""What a node's kernel, charon and FRR say, for a lab's checks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import vici
from checking import Failed, node


def ip(where: str, *words: str) -> list[dict[str, Any]]:
    """iproute2's answer in JSON: a list, empty when it has nothing to tell."""
    found = json.loads(node(where).run("ip", "-j", *words).out or "[]")
    assert isinstance(found, list)
    return [entry for entry in found if entry]


def link_with(where: str, address: str) -> str:
    """The link that has this address."""
    for link in ip(where, "-4", "address", "show"):
        if any(entry.get("local") == address for entry in link["addr_info"]):
            return str(link["ifname"])
    raise Failed(f"no link of {where} has {address}")


def if_ids(where: str) -> dict[str, int]:
    """XFRM interface -> its if_id."""
    links = ip(where, "-d", "link", "show", "type", "xfrm")
    return {link["ifname"]: int(str(link["linkinfo"]["info_data"]["if_id"]), 0) for link in links}


def sent_packets(where: str, link: str) -> int:
    """Packets that a link took to send."""
    return int(ip(where, "-s", "link", "show", "dev", link)[0]["stats64"]["tx"]["packets"])


def paths(where: str, prefix: str) -> set[str]:
    """The links a node's kernel spreads a prefix over; empty for a blackhole or no route at all."""
    family = "-6" if ":" in prefix else "-4"
    routes = [
        route for route in ip(where, family, "route", "show", "exact", prefix) if route.get("type") != "blackhole"
    ]
    if not routes:
        return set()
    best = min(routes, key=lambda route: int(route.get("metric", 0)))
    if "nhid" not in best:
        return {hop["dev"] for hop in best.get("nexthops", [best]) if "dev" in hop}
    hops = {hop["id"]: hop for hop in ip(where, "nexthop", "show")}
    members = hops[best["nhid"]].get("group", [{"id": best["nhid"]}])
    return {hops[member["id"]]["dev"] for member in members if "dev" in hops[member["id"]]}


@contextmanager
def charon(where: str) -> Iterator[Any]:
    """A vici session with a node's charon, whose socket lies in the node's own /run: quicker than swanctl there."""
    pid = (node(where).folder / "pid").read_text().strip()
    with socket.socket(socket.AF_UNIX) as plug:
        plug.connect(f"/proc/{pid}/root/run/charon.vici")
        yield vici.Session(plug)


def sas(where: str) -> list[dict[str, Any]]:
    """The IKE SAs of a node's charon, keys and values as vici has them; children are a list, for a rekeyed child stands
    beside its successor for a while."""
    with charon(where) as session:
        found = [(name, _plain(sa)) for message in session.list_sas() for name, sa in message.items()]
    return [{**sa, "name": name, "child-sas": list(sa.get("child-sas", {}).values())} for name, sa in found]


def sessions(where: str, family: int = 4) -> dict[str, dict[str, Any]]:
    """A node's BGP neighbours for a family, by address, as FRR has them."""
    found = node(where).run("vtysh", "-c", f"show bgp ipv{family} unicast summary json").json()
    peers = found.get("peers") or found.get(f"ipv{family}Unicast", {}).get("peers") or {}
    assert isinstance(peers, dict)
    return peers


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
