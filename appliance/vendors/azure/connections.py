"""Azure's connections, each with the gateways it joins: the virtual network gateway is Azure's, with an address for
each of its instances, the local network gateway describes us.

A gateway's BGP address is in its subnet, or one of 169.254/16 where the connection names one; ours is any that the
local network gateway has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_interface, ip_network

from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.model.secret import Secret
from appliance.profiles.azure import AZURE
from appliance.vendors.azure.policies import say_policy
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.keywords import parse_ike_version
from appliance.vendors.nodes import as_it_is, flag, grouped, last_part, listed, look, say, word
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.tree import Node
from appliance.vendors.values import (
    Place,
    Placeholder,
    parse_address,
    parse_asn,
    parse_network,
    parse_number,
)

_EMPTY_KEY = "Azure shows it apart: az network vpn-connection shared-key show"
_LONGEST_NAME = 36  # characters: an intent's names have 40, and tunnels are numbered
_FAR_PEER = (
    "the two BGP addresses share no network, which the appliance needs: give both sides one of 169.254.21.0 to "
    "169.254.22.255 within a /30, in Azure as a custom APIPA address of the gateway and of the connection"
)
_LINK_LOCAL = ip_network("169.254.0.0/16")


@dataclass(frozen=True)
class Inventory:
    """Every resource of the documents, in one shape (:func:`appliance.vendors.shape.plain`)."""

    nodes: Sequence[Node]

    def of(self, reference: str | None) -> list[Node]:
        """What is said of the resource with this id, wherever it is said."""
        return self._by_id.get(reference.lower(), []) if reference else []

    @cached_property
    def _by_id(self) -> Mapping[str | None, list[Node]]:
        return grouped(self.nodes, lambda node: (word(node, "id") or "").lower())


def read_connection(node: Node, found: Inventory) -> Reading:
    """One connection."""
    return _Connection(node, found).read()


class _Connection:
    def __init__(self, node: Node, found: Inventory) -> None:
        self.node = node
        self.found = found
        self.draft = ConnectionDraft(AZURE, empty_key=_EMPTY_KEY)
        self.findings = Findings()
        self.faults = self.findings.faults
        self.gateway = word(node, "virtualnetworkgateway1", "id") or word(node, "virtualnetworkgatewayid")
        self.local = word(node, "localnetworkgateway2", "id") or word(node, "localnetworkgatewayid")

    def read(self) -> Reading:
        node, draft = self.node, self.draft
        say(look(node, "id"), draft.id, as_it_is, self.faults)
        name = re.sub(r"[^A-Za-z0-9._-]", "-", last_part(node, "name") or last_part(node, "id") or "")
        if name := name[:_LONGEST_NAME].strip("-._"):
            draft.name.say(name, node.place)
        for reference, field in ((self.gateway, draft.cloud_gateway), (self.local, draft.customer_gateway)):
            if reference:
                field.say(reference.rpartition("/")[2], node.place)
        bgp = look(node, "enablebgp")
        if bgp is not None and (enabled := flag(bgp)) is not None:
            draft.mode.say("bgp" if enabled else "static", bgp.place)
        for ours in self.found.of(self.local):
            self._read_local_gateway(ours)
        self._read_tunnels()
        self._note()
        return Reading(draft, self.findings, finish)

    def _read_local_gateway(self, node: Node) -> None:
        say(look(node, "bgpsettings", "asn"), self.draft.asn, parse_asn, self.faults)
        peering = word(node, "bgpsettings", "bgppeeringaddress")
        prefixes = listed(node, "localnetworkaddressspace", "addressprefixes") or listed(node, "addressspace")
        if prefixes and word(node, "name") is None:
            fix = "give all that `az network local-gateway show` says: it may be cut short"
            self.faults.append(node.place.fault("the local network gateway has no name", fix=fix))
        for item in prefixes:
            if item.text != f"{peering}/32":
                say(item, self.draft.local_networks, parse_network, self.faults)

    def _read_tunnels(self) -> None:
        """One tunnel for each instance of an active-active gateway, else one."""
        gateways = self.found.of(self.gateway)
        for node in gateways:
            say(look(node, "bgpsettings", "asn"), self.draft.peer_asn, parse_asn, self.faults)
        instances = next(
            (found for node in gateways if (found := listed(look(node, "bgpsettings"), "bgppeeringaddresses"))), []
        )
        active = any(flag(look(node, "activeactive")) for node in gateways)
        if not active:
            instances = instances[:1]
        for turn, instance in enumerate(instances):
            self._read_common(self._read_instance(instance, turn))
        if not instances:
            self._read_common(self._read_without_instance(gateways))

    def _read_instance(self, node: Node, turn: int) -> TunnelDraft:
        tunnel = self.draft.begin_tunnel(node.place)
        outside = listed(node, "tunnelipaddresses")
        say(outside[0] if outside else None, tunnel.remote, parse_address, self.faults)
        if tunnel.remote.place is None:
            self._say_no_remote(tunnel)
        theirs = self._custom_address(word(node, "ipconfigurationid"), turn)
        default = listed(node, "defaultbgpipaddresses")
        self._read_inside(theirs or (default[0] if default else None), tunnel)
        return tunnel

    def _read_without_instance(self, gateways: Sequence[Node]) -> TunnelDraft:
        """A gateway that is not described, or only by its first address."""
        tunnel = self.draft.begin_tunnel(self.node.place)
        for gateway in gateways:
            for reference in listed(gateway, "ipconfigurations")[:1]:
                for public in self.found.of(word(reference, "publicipaddress", "id")):
                    say(look(public, "ipaddress"), tunnel.remote, parse_address, self.faults)
            self._read_inside(look(gateway, "bgpsettings", "bgppeeringaddress"), tunnel)
        if tunnel.remote.place is None:
            self._say_no_remote(tunnel)
        return tunnel

    def _say_no_remote(self, tunnel: TunnelDraft) -> None:
        name = (self.gateway or "").rpartition("/")[2] or "its gateway"
        tunnel.remote.say(Placeholder(f"virtualNetworkGateways/{name}"), tunnel.begin)
        message = f"give what `az network vnet-gateway show -n {name}` says too: it has the outside address"
        self.findings.warnings.append(Notice(tunnel.begin.where, message))

    def _custom_address(self, configuration: str | None, turn: int) -> Node | None:
        """The address of 169.254/16 that this connection uses at this instance of the gateway."""
        for item in listed(self.node, "gatewaycustombgpipaddresses"):
            own = word(item, "ipconfigurationid")
            if own and configuration and own.lower().endswith(configuration.lower().rpartition("/")[2]):
                return look(item, "custombgpipaddress")
        return look(self.node, "custombgpaddresses", ("primary", "secondary")[turn]) if turn < 2 else None

    def _read_inside(self, theirs: Node | None, tunnel: TunnelDraft) -> None:
        """Both BGP addresses. Addresses of 169.254/16 share a /30; others are hosts that routes lead to."""
        if self.draft.mode.every() != ("bgp",):
            return
        say(theirs, tunnel.peer_inside, parse_address, self.faults)
        peer = tunnel.peer_inside.every()
        for gateway in self.found.of(self.local):
            node = look(gateway, "bgpsettings", "bgppeeringaddress")
            ours = parse_address(node.text, node.place, self.faults) if node and node.text else None
            if node is None or ours is None or isinstance(ours, Placeholder):
                continue
            if ours not in _LINK_LOCAL:
                tunnel.inside.say(ip_interface(f"{ours}/{ours.max_prefixlen}"), node.place)
                if len(self.draft.tunnels) == 1:
                    self.findings.warnings.append(Notice(node.place.where, _FAR_PEER))
            elif peer and peer[0] in ip_interface(f"{ours}/30").network:
                tunnel.inside.say(ip_interface(f"{ours}/30"), node.place)

    def _read_common(self, tunnel: TunnelDraft) -> None:
        """What all tunnels of the connection have alike."""
        node = self.node
        say(look(node, "connectionprotocol"), tunnel.ike_version, parse_ike_version, self.faults)
        say(look(node, "sharedkey"), tunnel.psk, _parse_key, self.faults)
        timeout = look(node, "dpdtimeoutseconds")
        if timeout is not None and timeout.text != "0":
            say(
                timeout,
                tunnel.dpd_timeout,
                lambda text, at, faults: parse_number(text, at, faults, 9, 3600),
                self.faults,
            )
        for policy in listed(node, "ipsecpolicies"):
            say_policy(tunnel, policy, self.faults)
        for gateway in self.found.of(self.local):
            say(look(gateway, "gatewayipaddress"), tunnel.public, parse_address, self.faults)
            say(look(gateway, "fqdn"), tunnel.local_id, as_it_is, self.faults)

    def _note(self) -> None:
        selectors = look(self.node, "usepolicybasedtrafficselectors")
        if flag(selectors) and selectors is not None:
            message = "policy-based traffic selectors: Azure offers its networks as selectors, ours narrow to them"
            self.findings.warnings.append(Notice(selectors.place.where, message))
        mode = look(self.node, "connectionmode")
        if mode is not None and mode.text == "InitiatorOnly":
            message = "Azure never answers here, it only begins: set the connection's mode to Default"
            self.findings.warnings.append(Notice(mode.place.where, message))
        elif mode is not None:
            self.findings.ignored.append(Ignored(mode.line, "who begins: the appliance always does"))


def _parse_key(text: str, place: Place, faults: list[Fault]) -> Secret | Placeholder | None:
    return parse_psk(text, place, faults, AZURE)
