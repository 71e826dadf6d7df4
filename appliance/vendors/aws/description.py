"""What the EC2 API says about VPN connections: ``aws ec2 describe-vpn-connections`` and its relatives.

Beside the fixed template of ``CustomerGatewayConfiguration`` it has the options that were set for each tunnel, which
count. The ASNs and our own address stand in the template alone.
"""

from __future__ import annotations

from appliance.model.address import IPNetwork
from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws.configuration import parse_embedded, read_configuration
from appliance.vendors.aws.header import read_identifier
from appliance.vendors.aws.shape import plain
from appliance.vendors.aws.tunnel_options import read_options
from appliance.vendors.draft import ConnectionDraft, Field, Findings, Reading, TunnelDraft
from appliance.vendors.settling import finish, unreadable
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import Placeholder, parse_address, parse_choice, parse_network

_NEVER = frozenset({"networks"})
_EMPTY_KEY = "the document has no key here"
_IN_SECRETS_MANAGER = (
    "the key is in AWS's Secrets Manager; a further document may be what this says:"
    " aws secretsmanager get-secret-value --secret-id {arn}"
)
_CERTIFICATE = "this tunnel authenticates by certificate, and the appliance by pre-shared key"
_GONE = frozenset({"deleting", "deleted"})
_EVERYTHING = 0  # prefix length
_BOOLEAN = {"true": True, "false": False}


def parse(document: Document) -> list[Reading]:
    """Every connection of the document that has not been deleted."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, AWS)
    found = _connections(plain(root))
    living = [node for node in found if _text(node, "state") not in _GONE]
    if not living:
        fault = root.place.fault("no VPN connection in it", allowed="one that has not been deleted")
        return unreadable(fault, AWS)
    readings = [read_description(node) for node in living]
    readings[0].findings.ignored += [_gone(node) for node in found if _text(node, "state") in _GONE]
    return readings


def _gone(node: Node) -> Ignored:
    why = f"{_text(node, 'vpnconnectionid')} is {_text(node, 'state')}: AWS shows it for a while"
    return Ignored(node.line, why)


def _connections(root: Node) -> list[Node]:
    """The outermost mappings with the identifier of a connection and of its customer gateway."""
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if node.find("vpnconnectionid") and node.find("customergatewayid"):
            found.append(node)
        elif isinstance(node.value, dict):
            waiting += reversed(node.value.values())
        elif isinstance(node.value, list):
            waiting += reversed(node.value)
    return found


def _text(node: Node, *way: str) -> str | None:
    found = node.find(*way)
    return found.text if found else None


def read_description(node: Node) -> Reading:
    """One connection; keys are plain (:func:`appliance.vendors.aws.shape.plain`)."""
    draft, findings = ConnectionDraft(AWS, never=_NEVER, empty_key=_empty_key(node)), Findings()
    _read_identifiers(node, draft, findings)
    _read_routing(node, draft, findings)
    for options in node.items("options", "tunneloptions"):
        read_options(options, _tunnel(options, draft, findings), findings)
    _read_embedded(node.find("customergatewayconfiguration"), draft, findings)
    _read_acceleration(node.find("options", "enableacceleration"), draft, findings)
    if _text(node, "state") == "pending":
        message = "the connection is still being made: its addresses may be missing"
        findings.warnings.append(Notice(node.place.where, message))
    return Reading(draft, findings, finish)


def _empty_key(node: Node) -> str:
    arn = _text(node, "presharedkeyarn")
    if arn:
        return _IN_SECRETS_MANAGER.format(arn=arn)
    by_certificate = any(_text(each, "certificatearn") for each in node.items("vgwtelemetry"))
    return _CERTIFICATE if by_certificate else _EMPTY_KEY


def _read_identifiers(node: Node, draft: ConnectionDraft, findings: Findings) -> None:
    for key, prefix, field in (
        ("vpnconnectionid", "vpn", draft.id),
        ("customergatewayid", "cgw", draft.customer_gateway),
        ("vpngatewayid", "vgw", draft.cloud_gateway),
        ("transitgatewayid", "tgw", draft.cloud_gateway),
    ):
        found = node.find(key)
        if found is not None and found.text:
            read_identifier(found.text, prefix, found.place, field, findings)
    core = node.find("corenetworkarn")
    if core is not None and core.text:
        draft.cloud_gateway.say(core.text.rpartition("/")[2], core.place)


def _read_routing(node: Node, draft: ConnectionDraft, findings: Findings) -> None:
    """Static or dynamic; the routes of a static connection are ours, as AWS has them."""
    static = node.find("options", "staticroutesonly")
    if static is not None and static.text:
        choice = parse_choice(static.text, static.place, findings.faults, _BOOLEAN)
        draft.mode.say(choice if isinstance(choice, Placeholder | None) else ("bgp", "static")[choice], static.place)
    for route in node.items("routes"):
        if _text(route, "state") not in _GONE:
            _read_network(route.find("destinationcidrblock"), draft.local_networks, findings)
    for family in "46":
        narrowed = [
            _read_network(node.find("options", f"localipv{family}networkcidr"), draft.local_networks, findings),
            _read_network(node.find("options", f"remoteipv{family}networkcidr"), draft.networks, findings),
        ]
        for place in filter(None, narrowed):
            message = "narrow selectors: AWS lets nothing else through, whatever is routed"
            findings.warnings.append(Notice(place.place.where, message))


def _read_network(node: Node | None, field: Field[IPNetwork], findings: Findings) -> Node | None:
    """Say the network; the node when it is not everything (``0.0.0.0/0``), which says nothing."""
    if node is None or not node.text:
        return None
    network = parse_network(node.text, node.place, findings.faults)
    if isinstance(network, IPNetwork) and network.prefixlen == _EVERYTHING:
        return None
    field.say(network, node.place)
    return node


def _tunnel(options: Node, draft: ConnectionDraft, findings: Findings) -> TunnelDraft:
    """The tunnel to this outside address, which begins here unless another entry has begun it."""
    outside = options.find("outsideipaddress")
    address = parse_address(outside.text or "", outside.place, []) if outside else None
    known = (tunnel for tunnel in draft.tunnels if address in tunnel.remote.every())
    return next(known, None) or draft.begin_tunnel(options.place)


def _read_embedded(node: Node | None, draft: ConnectionDraft, findings: Findings) -> None:
    if node is None or not node.text:
        return
    found = parse_embedded(node)
    if isinstance(found, Fault):
        findings.faults.append(found)
    elif found is None:
        message = "no XML here: it alone names our address and both ASNs"
        findings.warnings.append(Notice(node.place.where, message))
    else:
        read_configuration(found, draft, findings)


def _read_acceleration(node: Node | None, draft: ConnectionDraft, findings: Findings) -> None:
    """An accelerated connection takes NAT traversal only (User Guide, "Accelerated Site-to-Site VPN connections")."""
    if node is not None and node.text and node.text.lower() == "true":
        for tunnel in draft.tunnels:
            tunnel.nat_t.say(True, node.place)
