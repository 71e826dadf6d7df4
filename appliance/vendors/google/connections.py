"""Tunnels to connections: those between the same two gateways are one.

Google Cloud's own addresses are its gateway's, ours stand in the tunnel; the inside addresses and AS numbers are its
router's. Its answers never show a key.
"""

from __future__ import annotations

import re
from ipaddress import ip_interface

from appliance.model.address import IPAddress
from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.profiles.google import GOOGLE
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.google.ciphers import say_proposals
from appliance.vendors.google.inventory import Inventory, interface_of, linked_tunnel
from appliance.vendors.keywords import parse_ike_version
from appliance.vendors.nodes import flag, last_part, listed, look, say, word
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.tree import Node
from appliance.vendors.values import (
    Place,
    Placeholder,
    parse_address,
    parse_asn,
    parse_interface,
    parse_network,
    parse_number,
)

_EMPTY_KEY = "Google Cloud never shows a key: it is where it was made"
_LONGEST_NAME = 36  # characters: an intent's names have 40, and tunnels are numbered
_EVERYTHING = frozenset({"0.0.0.0/0", "::/0"})


def read_connections(found: Inventory) -> list[Reading]:
    """A reading for each pair of gateways."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in found.tunnel_names():
        groups.setdefault(_gateways(name, found), []).append(name)
    return [_Connection(found, gateways).read(names) for gateways, names in groups.items()]


def _gateways(tunnel: str, found: Inventory) -> tuple[str, str]:
    """The cloud's gateway and ours, by name; of a tunnel that only a router knows, the router."""
    for node in found.described(tunnel):
        ours = last_part(node, "peerExternalGateway") or last_part(node, "peerGcpGateway") or ""
        theirs = last_part(node, "vpnGateway") or last_part(node, "targetVpnGateway") or last_part(node, "router")
        return theirs or "", ours
    return next((router for _, _, router in found.sessions(tunnel) if router), ""), ""


class _Connection:
    def __init__(self, found: Inventory, gateways: tuple[str, str]) -> None:
        self.found = found
        self.gateways = gateways
        self.draft = ConnectionDraft(GOOGLE, empty_key=_EMPTY_KEY)
        self.findings = Findings()
        self.faults = self.findings.faults

    def read(self, tunnels: list[str]) -> Reading:
        for name in tunnels:
            self._read_tunnel(name)
        place = self.draft.tunnels[0].begin
        theirs, ours = self.gateways
        if theirs:
            self.draft.id.say(f"{theirs}/{ours}" if ours else theirs, place)
            self.draft.name.say(re.sub(r"[^a-z0-9]+$", "", theirs[:_LONGEST_NAME]), place)
            self.draft.cloud_gateway.say(theirs, place)
        if ours:
            self.draft.customer_gateway.say(ours, place)
        return Reading(self.draft, self.findings, finish)

    def _read_tunnel(self, name: str) -> None:
        nodes, sessions = self.found.described(name), self.found.sessions(name)
        begin = nodes[0] if nodes else sessions[0][0] or sessions[0][1] if sessions else self._linked(name)
        tunnel = self.draft.begin_tunnel(begin.place)
        for node in nodes:
            self._read_description(node, tunnel)
        if tunnel.remote.place is None:
            self._say_no_remote(name, nodes, begin, tunnel)
        for interface, peer, router in sessions:
            self._read_session(interface, peer, router, tunnel)

    def _linked(self, name: str) -> Node:
        return next(node for _, node in self.found.interfaces if linked_tunnel(node) == name)

    def _read_description(self, node: Node, tunnel: TunnelDraft) -> None:
        at_gateway = word(node, "vpnGateway") and word(node, "vpnGatewayInterface")
        if not (at_gateway or word(node, "targetVpnGateway")):
            fix = "give all that `gcloud compute vpn-tunnels describe` says: it may be cut short"
            self.faults.append(node.place.fault("the tunnel names no gateway of Google Cloud", fix=fix))
        say(look(node, "peerIp"), tunnel.public, parse_address, self.faults)
        say(look(node, "ikeVersion"), tunnel.ike_version, parse_ike_version, self.faults)
        say_proposals(tunnel, look(node, "cipherSuite"), self.faults)
        key = look(node, "sharedSecret")
        if key is not None and not re.fullmatch(r"\**", key.text or ""):
            say(key, tunnel.psk, lambda text, at, faults: parse_psk(text, at, faults, GOOGLE), self.faults)
        gateways = self.found.named("gateways", last_part(node, "vpnGateway"))
        outside = interface_of(gateways, word(node, "vpnGatewayInterface"), "vpnInterfaces", "vpn_interfaces")
        say(outside, tunnel.remote, parse_address, self.faults)
        externals = self.found.named("externals", last_part(node, "peerExternalGateway"))
        number = word(node, "peerExternalGatewayInterface")
        say(interface_of(externals, number, "interfaces", "interface"), tunnel.public, parse_address, self.faults)
        router = look(node, "router")
        self.draft.mode.say("bgp" if router and router.text else "static", (router or node).place)
        if not (router and router.text):
            self._read_selectors(node)

    def _say_no_remote(self, name: str, nodes: list[Node], begin: Node, tunnel: TunnelDraft) -> None:
        """Which document has the address: gcloud's word for the kind, the name, the interface."""
        gateway = next((found for node in nodes if (found := last_part(node, "vpnGateway"))), None)
        number = next((found for node in nodes if (found := word(node, "vpnGatewayInterface"))), None)
        missing = f"vpn-gateways/{gateway}, interface {number or 0}" if gateway else f"vpn-tunnels/{name}"
        tunnel.remote.say(Placeholder(missing), begin.place)
        kind, which = ("vpn-gateways", gateway) if gateway else ("vpn-tunnels", name)
        message = f"give the answer of `gcloud compute {kind} describe {which}` too: it has the outside address"
        self.findings.warnings.append(Notice(begin.place.where, message))

    def _read_selectors(self, node: Node) -> None:
        """What a tunnel without a router protects: the cloud's side is its local one."""
        sides = (("localTrafficSelector", self.draft.networks), ("remoteTrafficSelector", self.draft.local_networks))
        for name, field in sides:
            for item in listed(node, name):
                if item.text not in _EVERYTHING:
                    say(item, field, parse_network, self.faults)

    def _read_session(self, interface: Node | None, peer: Node, router: str | None, tunnel: TunnelDraft) -> None:
        """``ipAddress`` is Google Cloud's, ``peerIpAddress`` ours."""
        self.draft.mode.say("bgp", peer.place)
        say(look(peer, "ipAddress"), tunnel.peer_inside, parse_address, self.faults)
        say(look(peer, "peerAsn"), self.draft.asn, parse_asn, self.faults)
        self._say_inside(interface, peer, tunnel)
        for node in self.found.named("routers", router):
            say(look(node, "bgp", "asn"), self.draft.peer_asn, parse_asn, self.faults)
            say(look(node, "bgp", "keepaliveInterval"), self.draft.hold_time, _parse_keepalive, self.faults)
        for name in ("md5AuthenticationKeyName", "md5AuthenticationKey"):
            self._warn_of_md5(look(peer, name))
        if flag(md5 := look(peer, "md5AuthEnabled")):
            self._warn_of_md5(md5)
        enabled, bfd = look(peer, "enable"), look(peer, "bfd", "sessionInitializationMode")
        if enabled is not None and flag(enabled) is False:
            message = "this BGP session is switched off in Google Cloud"
            self.findings.warnings.append(Notice(enabled.place.where, message))
        if bfd is not None and bfd.text not in ("DISABLED", None):
            self.findings.ignored.append(Ignored(bfd.line, "BFD: the appliance watches its tunnels itself"))

    def _warn_of_md5(self, node: Node | None) -> None:
        if node is not None and (node.text or node.keys()):
            message = (
                "the BGP session has an MD5 key, which is not taken over: while it has one, the session stays down"
            )
            self.findings.warnings.append(Notice(node.place.where, f"{message}; remove it in Google Cloud"))

    def _say_inside(self, interface: Node | None, peer: Node, tunnel: TunnelDraft) -> None:
        """Our address with the length of the interface's range; a running session has addresses only, within a /30."""
        ours, theirs = look(peer, "peerIpAddress"), look(peer, "ipAddress")
        address = _address(ours, self.faults)
        if ours is None or address is None:
            return
        given = look(interface, "ipRange")
        own = parse_interface(given.text, given.place, self.faults) if given and given.text else None
        if own is not None and not isinstance(own, Placeholder) and not isinstance(address, Placeholder):
            tunnel.inside.say(ip_interface(f"{address}/{own.network.prefixlen}"), ours.place)
        elif interface is None and not isinstance(address, Placeholder) and address.version == 4:
            inside, other = ip_interface(f"{address}/30"), _address(theirs, [])
            if other is not None and not isinstance(other, Placeholder) and other in inside.network:
                tunnel.inside.say(inside, ours.place)
        elif isinstance(address, Placeholder):
            tunnel.inside.say(address, ours.place)


def _address(node: Node | None, faults: list[Fault]) -> IPAddress | Placeholder | None:
    return parse_address(node.text, node.place, faults) if node is not None and node.text else None


def _parse_keepalive(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    """Seconds between keepalives; the hold time is three times that (Cloud Router, "Manage BGP timers")."""
    found = parse_number(text, place, faults, 1, 21845)
    return 3 * found if isinstance(found, int) else found
