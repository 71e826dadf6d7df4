"""What a node's kernel, charon and FRR say, for a lab's checks."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import vici
from checking import Failed, node


def ip(where: str, *words: str) -> list[dict[str, Any]]:
    """iproute2's answer in JSON: a list, empty when it has nothing to tell."""
    return _ip(where, "-j", *words)[0]


def _ip(where: str, *words: str, batch: str = "") -> list[list[dict[str, Any]]]:
    """The answer to each question of a batch, or to the one that the words are. iproute2 runs in the node's network
    alone: a program that enters all of the node takes three times as long."""
    with node(where).network():
        done = subprocess.run(["ip", *words], input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{where}: ip {' '.join(words)} {batch!r}: {(done.stderr or done.stdout).strip()[-400:]}")
    decoder, rest, found = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        answer, length = decoder.raw_decode(rest)
        found.append([entry for entry in answer if entry])
        rest = rest[length:].lstrip()
    return found or [[]]


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
    if ":" in prefix:  # a batch is of one family, and one of IPv6 shows no groups
        found, nexthops = ip(where, "-6", "route", "show", "exact", prefix), ip(where, "nexthop", "show")
    else:
        found, nexthops = _ip(where, "-j", "-batch", "-", batch=f"route show exact {prefix}\nnexthop show\n")
    routes = [route for route in found if route.get("type") != "blackhole"]
    if not routes:
        return set()
    best = min(routes, key=lambda route: int(route.get("metric", 0)))
    if "nhid" not in best:
        return {hop["dev"] for hop in best.get("nexthops", [best]) if "dev" in hop}
    hops = {hop["id"]: hop for hop in nexthops}
    members = hops[best["nhid"]].get("group", [{"id": best["nhid"]}])
    return {hops[member["id"]]["dev"] for member in members if "dev" in hops[member["id"]]}


def run_folder(where: str) -> Path:
    """A node's own /run."""
    pid = (node(where).folder / "pid").read_text().strip()
    return Path(f"/proc/{pid}/root/run")


def verdicts(where: str) -> dict[str, dict[str, Any]]:
    """What the daemon holds of each tunnel, by name, as it tells the verbs: its state, why, and what its probes say. To
    read it costs next to nothing, while a verb is a Python of its own."""
    told = json.loads((run_folder(where) / "appliance/paths.json").read_text())
    held = [path for connection in told["connections"].values() for path in connection["paths"].items()]
    return {
        name: {"name": name, **path, "probe": told["probes"].get(name, {"state": "unknown"})} for name, path in held
    }


def told_at(where: str) -> int:
    """What tells one writing of the daemon's from the next."""
    return (run_folder(where) / "appliance/paths.json").stat().st_mtime_ns


def tunnels(where: str) -> dict[str, str]:
    """The names of the tunnels that charon was told of, by the outside address of their far end."""
    with charon(where) as session:
        found = [(name, _plain(conn)) for message in session.list_conns() for name, conn in message.items()]
    return {address: name for name, conn in found for address in conn["remote_addrs"]}


@contextmanager
def charon(where: str) -> Iterator[Any]:
    """A vici session with a node's charon, whose socket lies in the node's own /run: quicker than swanctl there."""
    with socket.socket(socket.AF_UNIX) as plug:
        plug.connect(str(run_folder(where) / "charon.vici"))
        yield vici.Session(plug)


def sas(where: str) -> list[dict[str, Any]]:
    """The IKE SAs of a node's charon, keys and values as vici has them; children are a list, for a rekeyed child stands
    beside its successor for a while."""
    with charon(where) as session:
        found = [(name, _plain(sa)) for message in session.list_sas() for name, sa in message.items()]
    return [{**sa, "name": name, "child-sas": list(sa.get("child-sas", {}).values())} for name, sa in found]


def sessions(where: str, family: int = 4) -> dict[str, dict[str, Any]]:
    """A node's BGP neighbours for a family, by address, in FRR's words whoever speaks there."""
    embedded = _embedded_sessions(where)
    if embedded:
        return {one["address"]: _in_words_of_frr(one) for one in embedded if (":" in one["address"]) == (family == 6)}
    found = node(where).run("vtysh", "-c", f"show bgp ipv{family} unicast summary json").json()
    peers = found.get("peers") or found.get(f"ipv{family}Unicast", {}).get("peers") or {}
    assert isinstance(peers, dict)
    return peers


def _embedded_sessions(where: str) -> list[dict[str, Any]]:
    """Those of the speaker in a node's daemon, as it tells the verbs; none where FRR speaks, or no daemon runs."""
    place = run_folder(where) / "appliance/speaker.sock"
    if not place.exists():
        return []
    with socket.socket(socket.AF_UNIX) as plug:
        plug.settimeout(10)
        plug.connect(str(place))
        plug.sendall(b"sessions\n")
        with plug.makefile() as answer:
            found = json.loads(answer.readline())
    assert isinstance(found, list)
    return found


def _in_words_of_frr(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": told["state"].capitalize(),
        "pfxRcd": told["received"],
        "connectionsEstablished": told["established_count"],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
