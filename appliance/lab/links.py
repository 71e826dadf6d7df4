"""Links between nodes: how a topology writes them, and the ``ip -batch`` text that makes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any

from appliance.lab.places import Findings, Place

DEFAULT_MTU = 9500
"""What containerlab gives a link that names no MTU (its DefaultVethLinkMTU): a lab that plays Internet says 1500."""

INTERFACE = re.compile(r"[^\s/:]{1,15}")
MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link."""

    node: str
    interface: str
    mac: str | None = None
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A cable between two nodes; ``mtu`` in bytes."""

    ends: tuple[End, End]
    mtu: int
    line: int
    key: str

    @property
    def name(self) -> str:
        """How people and capture files call it."""
        return "--".join(f"{end.node}.{end.interface}" for end in self.ends)


def parse_link(place: Place, findings: Findings) -> Link | None:
    """A link in brief form (``endpoints: ["a:eth1", "b:eth1"]``) or in the extended form of ``type: veth``."""
    entries = findings.mapping(place)
    if "type" in entries and entries["type"].value != "veth":
        findings.fault(entries["type"], "no such link type here", allowed="veth")
        return None
    findings.known(place, ("type", "endpoints", "mtu", "ipv4", "ipv6", "vars", "labels"))
    if "endpoints" not in entries:
        findings.fault(Place(None, place.line, place.key), "a link needs endpoints")
        return None
    places = findings.items(entries["endpoints"])
    ends = [
        _extended_end(item, findings) if isinstance(item.value, dict) else _brief_end(item, findings) for item in places
    ]
    good = [end for end in ends if end]
    if len(places) != 2:
        findings.fault(entries["endpoints"], "a link has two endpoints")
    if len(good) != 2:
        return None
    first, second = _with_addresses(good, entries, findings)
    mtu = findings.whole(entries["mtu"], 68, 65535) if "mtu" in entries else DEFAULT_MTU
    return Link((first, second), mtu, place.line, place.key)


def _brief_end(place: Place, findings: Findings) -> End | None:
    node, colon, interface = findings.text(place).partition(":")
    if not colon or not node:
        findings.fault(place, "not an endpoint", allowed="NODE:INTERFACE")
        return None
    return _end(place, node, interface, findings)


def _extended_end(place: Place, findings: Findings) -> End | None:
    findings.known(place, ("node", "interface", "mac", "ipv4", "ipv6", "vars"))
    entries = findings.mapping(place)
    if "node" not in entries or "interface" not in entries:
        findings.fault(Place(None, place.line, place.key), "an endpoint needs a node and an interface")
        return None
    end = _end(entries["interface"], findings.text(entries["node"]), findings.text(entries["interface"]), findings)
    if end is None:
        return None
    mac = findings.text(entries["mac"]) if "mac" in entries else None
    if mac is not None and not MAC.fullmatch(mac):
        findings.fault(entries["mac"], "not a MAC address")
    addresses = [_address(entries[key], findings) for key in ("ipv4", "ipv6") if key in entries]
    return End(end.node, end.interface, mac.replace("-", ":") if mac else None, tuple(a for a in addresses if a))


def _end(place: Place, node: str, interface: str, findings: Findings) -> End | None:
    if not INTERFACE.fullmatch(interface) or interface in (".", "..", "lo"):
        findings.fault(place, f"not an interface name: {interface!r}", allowed="1 to 15 characters, no space, / or :")
        return None
    return End(node, interface)


def _with_addresses(ends: Sequence[End], entries: Mapping[str, Place], findings: Findings) -> list[End]:
    """A link's own ``ipv4``/``ipv6`` lists hold an address for each end, in order; "" for none."""
    result = list(ends)
    for key in ("ipv4", "ipv6"):
        for i, item in enumerate(findings.items(entries[key])[:2] if key in entries else ()):
            address = _address(item, findings) if item.value else None
            if address:
                end = result[i]
                result[i] = End(end.node, end.interface, end.mac, (*end.addresses, address))
    return result


def _address(place: Place, findings: Findings) -> Any:
    try:
        return ip_interface(findings.text(place))
    except ValueError:
        findings.fault(place, "not an address with its prefix length")
        return None


def render_links(links: Iterable[Link], pids: Mapping[str, int]) -> str:
    """``ip -batch`` text that makes the links straight in the namespaces of the nodes' first processes, so that
    nothing is left elsewhere when it is interrupted."""
    lines = []
    for link in links:
        first, second = (_device(end, link.mtu, pids[end.node]) for end in link.ends)
        lines.append(f"link add {first} type veth peer {second}\n")
    return "".join(lines)


def _device(end: End, mtu: int, pid: int) -> str:
    mac = f" address {end.mac}" if end.mac else ""
    return f"name {end.interface} mtu {mtu}{mac} netns {pid}"


def render_ends(node: str, bridge: str | None, links: Iterable[Link]) -> str:
    """``ip -batch`` text, run inside a node, that brings up its ends of the links (into its bridge, if it is one)."""
    lines = []
    for end in (end for link in links for end in link.ends if end.node == node):
        lines += [f"address add {address} dev {end.interface}\n" for address in end.addresses]
        lines += [f"link set {end.interface} master {bridge}\n"] if bridge else []
        lines.append(f"link set {end.interface} up\n")
    return "".join(lines)
