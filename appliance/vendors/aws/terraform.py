"""``aws_vpn_connection`` in Terraform's states and plans, with the gateways and networks it refers to.

Its attributes (registry.terraform.io/providers/hashicorp/aws, resource aws_vpn_connection) are the EC2 API's with the
tunnel's number before them. Which tunnel is the first differs from AWS's own order: the outside address tells them
apart. An option that was not set is null, empty or 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.model.fault import Fault, Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws.description import read_description
from appliance.vendors.aws.shape import plain
from appliance.vendors.draft import Field, Reading, TunnelDraft
from appliance.vendors.settling import unreadable
from appliance.vendors.terraform import Resource, referred, resources
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import parse_address, parse_interface, parse_network, parse_number, parse_seconds

_TYPES = (
    "aws_vpn_connection", "aws_vpn_connection_route", "aws_customer_gateway", "aws_vpn_gateway",
    "aws_vpn_gateway_attachment", "aws_ec2_transit_gateway", "aws_vpc",
)  # fmt: skip
_CONNECTION = {
    "customergatewayconfiguration", "customergatewayid", "vpngatewayid", "transitgatewayid", "corenetworkarn",
    "presharedkeyarn", "routes", "vgwtelemetry", "state",
}  # fmt: skip
_OPTIONS = {
    "staticroutesonly", "enableacceleration", "localipv4networkcidr", "remoteipv4networkcidr", "localipv6networkcidr",
    "remoteipv6networkcidr",
}  # fmt: skip
_NAMES = {"address": "outsideipaddress", "insidecidr": "tunnelinsidecidr", "insideipv6cidr": "tunnelinsideipv6cidr"}
"""Attributes of a tunnel that the EC2 API calls something else."""
_OURS = frozenset({"cgwinsideaddress", "vgwinsideaddress", "bgpasn", "bgpholdtime"})
"""Attributes that only Terraform has: it takes them out of the XML."""


def parse(document: Document) -> list[Reading]:
    """Every connection of the state or plan."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, AWS)
    found = {kind: resources(root, kind) for kind in _TYPES}
    if not found["aws_vpn_connection"]:
        fault = root.place.fault("no aws_vpn_connection in it", allowed="a state that has been applied, or a plan")
        return unreadable(fault, AWS)
    return [_read(resource, found) for resource in found["aws_vpn_connection"]]


def _read(resource: Resource, others: dict[str, list[Resource]]) -> Reading:
    values = plain(resource.values)
    tunnels = [_without_defaults(values, f"tunnel{number}") for number in "12"]
    reading = read_description(_description(values, tunnels))
    if resource.id is None:
        message = f"{resource.address} has yet to be made: its addresses are not known"
        reading.findings.warnings.append(Notice(resource.values.place.where, message))
    for node in tunnels:
        _read_own(node, reading)
    _read_gateways(resource.values, others, reading)
    return reading


def _without_defaults(values: Node, prefix: str) -> Node:
    """The attributes of one tunnel by the EC2 API's names."""
    found = {
        _NAMES.get(name.removeprefix(prefix), name.removeprefix(prefix)): node
        for name, node in (values.value.items() if isinstance(values.value, dict) else ())
        if name.startswith(prefix) and node.value not in (None, "", "0", [])
    }
    return Node(found, values.file, values.line, f"{values.key}.{prefix}")


def _description(values: Node, tunnels: Sequence[Node]) -> Node:
    """The connection in the shape that the EC2 API gives it."""
    had = values.value if isinstance(values.value, dict) else {}
    described = [_made({name: node for name, node in _items(each) if name not in _OURS}, each) for each in tunnels]
    options = {name: node for name, node in had.items() if name in _OPTIONS}
    options["tunneloptions"] = _made([each for each in described if each.find("outsideipaddress")], values)
    connection = {name: node for name, node in had.items() if name in _CONNECTION}
    connection |= {"options": _made(options, values)} | ({"vpnconnectionid": had["id"]} if "id" in had else {})
    return _made(connection, values)


def _items(node: Node) -> list[tuple[str, Node]]:
    return list(node.value.items()) if isinstance(node.value, dict) else []


def _made(value: dict[str, Node] | list[Node], like: Node) -> Node:
    return Node(value, like.file, like.line, like.key)


def _read_own(node: Node, reading: Reading) -> None:
    """What Terraform has read out of the XML, which a plan or an edited state may lack."""
    draft, faults = reading.draft, reading.findings.faults
    tunnel = _known(node, draft.tunnels)
    if tunnel is None:
        return
    ours, theirs, hold = node.find("cgwinsideaddress"), node.find("vgwinsideaddress"), node.find("bgpholdtime")
    length = next((inside.network.prefixlen for inside in tunnel.inside.every()), 30)
    if ours is not None and ours.text:
        tunnel.inside.say(parse_interface(f"{ours.text}/{length}", ours.place, faults), ours.place)
    if theirs is not None and theirs.text:
        tunnel.peer_inside.say(parse_address(theirs.text, theirs.place, faults), theirs.place)
    _say_asn(node.find("bgpasn"), draft.peer_asn, reading)
    if hold is not None and hold.text and draft.hold_time.place is None:
        draft.hold_time.say(parse_seconds(hold.text, hold.place, faults, 3, 65535), hold.place)


def _known(node: Node, tunnels: Sequence[TunnelDraft]) -> TunnelDraft | None:
    outside = node.find("outsideipaddress")
    text = outside.text if outside else None
    return next((tunnel for tunnel in tunnels if text in tunnel.remote.written), None)


def _read_gateways(values: Node, others: dict[str, list[Resource]], reading: Reading) -> None:
    """Our ASN and address from the customer gateway, theirs from the gateway, and the networks on both sides."""
    draft, faults = reading.draft, reading.findings.faults
    customer = referred(others["aws_customer_gateway"], values.find("customer_gateway_id"))
    if customer is not None:
        for key in ("bgp_asn_extended", "bgp_asn"):
            _say_asn(customer.values.find(key), draft.asn, reading)
        address = customer.values.find("ip_address")
        for tunnel in draft.tunnels:
            if address is not None and address.text:
                tunnel.public.say(parse_address(address.text, address.place, faults), address.place)
    gateway = referred(others["aws_vpn_gateway"], values.find("vpn_gateway_id"))
    transit = referred(others["aws_ec2_transit_gateway"], values.find("transit_gateway_id"))
    for known in filter(None, (gateway, transit)):
        _say_asn(known.values.find("amazon_side_asn"), draft.peer_asn, reading)
    _read_networks(values, gateway, others, reading)


def _say_asn(node: Node | None, field: Field[int], reading: Reading) -> None:
    """A connection for static routing has ASNs too, which mean nothing."""
    if node is not None and node.text not in (None, "0") and "static" not in reading.draft.mode.every():
        field.say(parse_number(node.text or "", node.place, reading.findings.faults, 0, 4294967295), node.place)


def _read_networks(values: Node, gateway: Resource | None, others: dict[str, list[Resource]], reading: Reading) -> None:
    """The VPC's addresses are behind the cloud; the connection's static routes are ours."""
    draft, faults = reading.draft, reading.findings.faults
    attachments = referred(others["aws_vpn_gateway_attachment"], values.find("vpn_gateway_id"), "vpn_gateway_id")
    for owner in filter(None, (gateway, attachments)):
        vpc = referred(others["aws_vpc"], owner.values.find("vpc_id"))
        block = vpc.values.find("cidr_block") if vpc else None
        if block is not None and block.text:
            draft.networks.say(parse_network(block.text, block.place, faults), block.place)
    for route in others["aws_vpn_connection_route"]:
        to, block = route.values.find("vpn_connection_id"), route.values.find("destination_cidr_block")
        own = values.find("id")
        if to is not None and own is not None and to.text == own.text and block is not None and block.text:
            draft.local_networks.say(parse_network(block.text, block.place, faults), block.place)
