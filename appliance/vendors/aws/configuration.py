"""AWS's CustomerGatewayConfiguration: the XML from which it makes all of its downloads.

Elements as AWS has written them since 2009, for static and dynamic routing, virtual private and transit gateways. Its
algorithms and lifetimes are a fixed template, whatever the connection's options are; the IKE version is not named.
"""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws.header import read_identifier
from appliance.vendors.draft import ConnectionDraft, Field, Findings, Reading, TunnelDraft
from appliance.vendors.keywords import esp_proposals, ike_proposals
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish, unreadable
from appliance.vendors.suite import Suite
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, Unreadable, read_tree, read_xml
from appliance.vendors.values import (
    Placeholder,
    parse_address,
    parse_interface,
    parse_number,
    parse_seconds,
    placeholder,
)

NEVER = frozenset({"networks", "version"})
_EMPTY_KEY = "the document has no key here; one that is stored in Secrets Manager is left out"
_TEMPLATE = (
    "the algorithms and lifetimes here are AWS's template: options that were set for the connection are not in it"
)
_IGNORED = {
    "ipsec.clear_df_bit": "the appliance sets the MTU and answers with frag-needed instead",
    "ipsec.fragmentation_before_encryption": "the appliance sets the MTU, so nothing is fragmented after encryption",
}
_DEMANDED = {"ike.mode": "main", "ipsec.protocol": "esp", "ipsec.mode": "tunnel"}
"""Elements with one right value: AWS offers no other."""
_READ = (
    "customer_gateway.tunnel_outside", "customer_gateway.tunnel_inside", "customer_gateway.bgp.asn",
    "customer_gateway.bgp.hold_time", "vpn_gateway.tunnel_outside", "vpn_gateway.tunnel_inside", "vpn_gateway.bgp.asn",
    "vpn_gateway.bgp.hold_time", "ike.authentication_protocol", "ike.encryption_protocol", "ike.lifetime",
    "ike.perfect_forward_secrecy", "ike.pre_shared_key", "ipsec.authentication_protocol", "ipsec.encryption_protocol",
    "ipsec.lifetime", "ipsec.perfect_forward_secrecy", "ipsec.tcp_mss_adjustment", "ipsec.dead_peer_detection.interval",
    "ipsec.dead_peer_detection.retries",
)  # fmt: skip


def parse(document: Document) -> list[Reading]:
    """The connection of the document, or each one that stands in its texts (``terraform output -json``)."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, AWS)
    found = [root.find("vpn_connection")] if root.find("vpn_connection") else map(parse_embedded, root.walk())
    return [_read(each) for each in found if each is not None]


def _read(found: Node | Fault) -> Reading:
    if isinstance(found, Fault):
        return unreadable(found, AWS)[0]
    draft, findings = ConnectionDraft(AWS, never=NEVER, empty_key=_EMPTY_KEY, is_template=True), Findings()
    findings.warnings.append(Notice(found.place.where, _TEMPLATE))
    read_configuration(found, draft, findings)
    return Reading(draft, findings, finish)


def parse_embedded(node: Node) -> Node | Fault | None:
    """The ``vpn_connection`` within another document's text, placed on that text's line; None when it holds none."""
    text = node.text or ""
    if "<vpn_connection" not in text:
        return None
    try:
        root = read_xml(node.file, text)
    except Unreadable as error:
        return node.place.fault(error.message, allowed=error.allowed, fix=error.fix)
    found = root.find("vpn_connection")
    return None if found is None else _moved(found, node)


def _moved(node: Node, into: Node) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _moved(child, into) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_moved(child, into) for child in value]
    return Node(value, into.file, into.line, f"{into.key}.{node.key}")


def read_configuration(root: Node, draft: ConnectionDraft, findings: Findings) -> None:
    """Say everything in ``vpn_connection``. Tunnels that the draft has already are known by the gateway's outside
    address; algorithms and lifetimes they have already are left as they are, for these are a template's."""
    for key, prefix, field in (
        ("@id", "vpn", draft.id),
        ("customer_gateway_id", "cgw", draft.customer_gateway),
        ("vpn_gateway_id", "vgw|tgw", draft.cloud_gateway),
        ("transit_gateway_id", "tgw", draft.cloud_gateway),
    ):
        node = root.find(key)
        if node is not None and node.text:
            read_identifier(node.text, prefix, node.place, field, findings)
    attributes = root.find("vpn_connection_attributes")
    if attributes is not None and "NoBGP" in (attributes.text or ""):
        draft.mode.say("static", attributes.place)
    for tunnel in root.items("ipsec_tunnel"):
        _Tunnel(tunnel, draft, findings).read()


class _Tunnel:
    """One ``ipsec_tunnel``."""

    def __init__(self, node: Node, draft: ConnectionDraft, findings: Findings) -> None:
        self.node = node
        self.draft = draft
        self.findings = findings
        self.faults = findings.faults
        self.tunnel = self._known() or draft.begin_tunnel(node.place)

    def _known(self) -> TunnelDraft | None:
        outside = self._outside("vpn_gateway")
        address = None if outside is None else parse_address(outside.text or "", outside.place, [])
        return next((known for known in self.draft.tunnels if address in known.remote.every()), None)

    def read(self) -> None:
        """Everything in it, and a word about what is new to us."""
        for side, field in (("customer_gateway", self.tunnel.public), ("vpn_gateway", self.tunnel.remote)):
            outside = self._outside(side)
            if outside is not None and outside.text:
                field.say(parse_address(outside.text, outside.place, self.faults), outside.place)
        self._read_inside()
        self._read_bgp()
        self._read_key()
        self._read_proposals()
        self._read_numbers()
        self._read_others()

    def _outside(self, side: str) -> Node | None:
        for key in ("tunnel_outside_address", "tunnel_outside_ipv6_address"):
            node = self.node.find(side, key)
            if node is not None:
                return node.find("ip_address") or node
        return None

    def _read_inside(self) -> None:
        for key in ("tunnel_inside_address", "tunnel_inside_ipv6_address"):
            ours = self.node.find("customer_gateway", key, "ip_address")
            if ours is not None and ours.text:
                self.tunnel.inside.say(self._interface(ours, key), ours.place)
            theirs = self.node.find("vpn_gateway", key, "ip_address")
            if theirs is not None and theirs.text:
                self.tunnel.peer_inside.say(parse_address(theirs.text, theirs.place, self.faults), theirs.place)

    def _interface(self, address: Node, key: str) -> IPv4Interface | IPv6Interface | Placeholder | None:
        """``network_cidr`` is the prefix length, for IPv6 ``prefix_length``."""
        text = address.text or ""
        lengths = (self.node.find("customer_gateway", key, name) for name in ("network_cidr", "prefix_length"))
        length = next((node.text for node in lengths if node is not None and node.text), "")
        stand_in = placeholder(text)
        return stand_in or parse_interface(f"{text}/{length}", address.place, self.faults)

    def _read_bgp(self) -> None:
        hold_times = []
        for side, field in (("customer_gateway", self.draft.asn), ("vpn_gateway", self.draft.peer_asn)):
            asn, hold_time = self.node.find(side, "bgp", "asn"), self.node.find(side, "bgp", "hold_time")
            if asn is not None and asn.text:
                self.draft.mode.say("bgp", asn.place)
                field.say(parse_number(asn.text, asn.place, self.faults, 0, 4294967295), asn.place)
            hold_times += [hold_time] if hold_time is not None and hold_time.text else []
        for node in hold_times[:1]:
            seconds = parse_seconds(node.text or "", node.place, self.faults, 3, 65535)
            self.draft.hold_time.say(seconds, node.place)

    def _read_key(self) -> None:
        node = self.node.find("ike", "pre_shared_key")
        if node is not None and node.text:
            self.tunnel.psk.say(parse_psk(node.text, node.place, self.faults, AWS), node.place)

    def _read_proposals(self) -> None:
        for phase, combine, into in (
            ("ike", ike_proposals, self.tunnel.ike_proposals),
            ("ipsec", esp_proposals, self.tunnel.esp_proposals),
        ):
            if is_said(into):
                continue
            suite = Suite()
            for key, read in (
                ("encryption_protocol", suite.read_ciphers),
                ("authentication_protocol", suite.read_hashes),
            ):
                node = self.node.find(phase, key)
                if node is not None and node.text:
                    read(node.text, node.place, self.faults)
            groups = self.node.find(phase, "perfect_forward_secrecy")
            if groups is not None and groups.text:
                suite.read_groups(groups.text, groups.place, self.faults, optional=phase == "ipsec")
            suite.compose(combine, into, self.faults)

    def _read_numbers(self) -> None:
        ike, esp = AWS.ike.lifetime, AWS.esp.lifetime
        for way, field, low, high in (
            (("ike", "lifetime"), self.tunnel.ike_lifetime, ike.low, ike.high),
            (("ipsec", "lifetime"), self.tunnel.esp_lifetime, esp.low, esp.high),
            (("ipsec", "dead_peer_detection", "interval"), self.tunnel.dpd_delay, 1, 3600),
            (("ipsec", "dead_peer_detection", "retries"), self.tunnel.dpd_retries, 1, 100),
            (("ipsec", "tcp_mss_adjustment"), self.tunnel.mss, 536, 1460),
        ):
            node = self.node.find(*way)
            if node is not None and node.text and not (way[-1] == "lifetime" and is_said(field)):
                field.say(parse_number(node.text, node.place, self.faults, low, high), node.place)

    def _read_others(self) -> None:
        """What must be so, what we leave out, and what we do not know."""
        for leaf in self.node.walk():
            name = leaf.key.removeprefix(f"{self.node.key}.")
            if leaf.text is None or name.startswith(_READ):
                continue
            if name in _IGNORED:
                item = Ignored(leaf.line, _IGNORED[name])
                self.findings.ignored += [item] if item not in self.findings.ignored else []
            elif name not in _DEMANDED:
                self.findings.warnings.append(Notice(leaf.place.where, f"{name}: not known, not taken over"))
            elif leaf.text.lower() != _DEMANDED[name]:
                fault = leaf.place.fault("not what we read", found=leaf.text, allowed=_DEMANDED[name])
                self.faults.append(fault)


def is_said(field: Field[int] | Field[tuple[str, ...]]) -> bool:
    """Whether the document has said it already, well or badly."""
    return field.place is not None or field.is_faulty
