"""What Alibaba Cloud's API says of its VPN connections (DescribeVpnConnection, DescribeVpnConnections), each with one
tunnel (blocks of the connection) or two (``TunnelOptionsSpecification``). The cloud speaks: ``Local`` is its side."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.model.document import Ignored
from appliance.model.fault import Fault
from appliance.profiles.alibaba import ALIBABA
from appliance.vendors.alibaba.blocks import BlockReader, Words, finish_connection, take_identity
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.nodes import listed, look, word
from appliance.vendors.settling import unreadable
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import Place, parse_address, parse_asn

CLOUD_SPEAKS = Words(ours="Remote", theirs="Local")
CLOUD_SPEAKS_BGP = Words(ours="Peer", theirs="Local")
_EMPTY_KEY = "the document has no Psk for this tunnel"
_GONE = frozenset({"deleted", "deleting"})
_ROLES = frozenset({"master", "slave"})


def parse_together(documents: Sequence[Document]) -> list[Reading]:
    """Every connection of the documents that is not deleted, with the customer gateways that others describe."""
    nodes: list[Node] = []
    broken: list[Reading] = []
    for document in documents:
        root = read_tree(document)
        if isinstance(root, Fault):
            broken += unreadable(root, ALIBABA)
        else:
            nodes += root.walk()
    customers = [node for node in nodes if node.find("CustomerGatewayId") and node.find("IpAddress")]
    found = [node for node in nodes if node.find("VpnConnectionId") and _has_tunnels(node)]
    gone = [node for node in found if _state(node) in _GONE]
    readings = [read_connection(node, customers) for node in found if node not in gone]
    if readings:
        readings[0].findings.ignored += [Ignored(node.line, "a connection that is deleted") for node in gone]
    elif not broken:
        message = "all its connections are deleted" if gone else "there is no connection in it"
        place = Place(documents[0].path, 1, "")
        return unreadable(place.fault(message, fix="give what DescribeVpnConnection says of it"), ALIBABA)
    return [*readings, *broken]


def _has_tunnels(node: Node) -> bool:
    return look(node, "IkeConfig") is not None or bool(listed(node, "TunnelOptionsSpecification", "TunnelOptions"))


def _state(node: Node) -> str | None:
    state = node.find("State")
    return state.text if state else None


def read_connection(node: Node, customers: Sequence[Node] = ()) -> Reading:
    """One connection, in the API's or in Terraform's spelling. ``customers``: what is said of customer gateways."""
    draft, findings = ConnectionDraft(ALIBABA, empty_key=_EMPTY_KEY), Findings()
    reader = BlockReader(draft, findings, CLOUD_SPEAKS)
    reader.say(look(node, "VpnConnectionId") or look(node, "id"), draft.id, _as_it_is)
    gateway = next((found for name in _GATEWAYS if (found := look(node, name)) and found.text), None)
    reader.say(gateway, draft.cloud_gateway, _as_it_is)
    reader.read_networks(node)
    tunnels = listed(node, "TunnelOptionsSpecification", "TunnelOptions")
    _read_mode(node, reader, tunnels)
    _read_customer_gateways([node, *tunnels], reader)
    for each in tunnels or [node]:
        tunnel = _read_tunnel(each, reader)
        name = word(each, "CustomerGatewayId")
        for customer in customers:
            if name is not None and name in (word(customer, "CustomerGatewayId"), word(customer, "id")):
                _read_customer(customer, tunnel, reader)
    reader.ignore(look(node, "EffectImmediately"), "who begins: the appliance always does")
    for check in ("VcoHealthCheck", "HealthCheckConfig"):
        if reader.flag(look(look(node, check), "Enable")):
            reader.ignore(look(node, check), "a health check: the appliance probes the tunnels itself")
    reader.read_md5(look(node, "VpnBgpConfig"))
    return Reading(draft, findings, finish_connection)


_GATEWAYS = ("VpnGatewayId", "TransitRouterId", "AttachInstanceId")


def _as_it_is(text: str, _place: Place, _faults: list[Fault]) -> str:
    return text


def _read_mode(node: Node, reader: BlockReader, tunnels: list[Node]) -> None:
    """``EnableTunnelsBgp`` of two tunnels, ``EnableBgp`` (Terraform: ``enable``) of one."""
    block = look(node, "VpnBgpConfig") or look(node, "BgpConfig")
    flag = look(node, "EnableTunnelsBgp") if tunnels else look(block, "EnableBgp") or look(block, "Enable")
    enabled = reader.flag(flag)
    if flag is not None and enabled is not None:
        reader.draft.mode.say("bgp" if enabled else "static", flag.place)


def _read_customer_gateways(nodes: list[Node], reader: BlockReader) -> None:
    """Each tunnel may have its own; a connection has one only when they are the same."""
    found = [gateway for node in nodes if (gateway := look(node, "CustomerGatewayId")) and gateway.text]
    if len({gateway.text for gateway in found}) == 1:
        reader.say(found[0], reader.draft.customer_gateway, _as_it_is)


def _read_customer(node: Node, tunnel: TunnelDraft, reader: BlockReader) -> None:
    """The tunnel's customer gateway: us, as the cloud knows us."""
    reader.say(look(node, "IpAddress"), tunnel.public, parse_address)
    if reader.draft.mode.every() == ("bgp",):
        reader.say(look(node, "Asn"), reader.draft.asn, parse_asn)
    reader.read_md5(node)


def _read_tunnel(node: Node, reader: BlockReader) -> TunnelDraft:
    tunnel = reader.draft.begin_tunnel(node.place)
    reader.say(look(node, "InternetIp"), tunnel.remote, parse_address)
    role = look(node, "Role")
    if role and role.text in _ROLES:
        tunnel.role.say(role.text, role.place)
    reader.read_ike(look(node, "TunnelIkeConfig") or look(node, "IkeConfig"), tunnel)
    take_identity(tunnel.remote, tunnel.remote_id)  # old answers have no InternetIp
    reader.read_esp(look(node, "TunnelIpsecConfig") or look(node, "IpsecConfig"), tunnel)
    bgp = look(node, "TunnelBgpConfig") or look(node, "VpnBgpConfig") or look(node, "BgpConfig")
    if bgp is not None:
        reader.read_bgp(bgp, tunnel, CLOUD_SPEAKS_BGP)
    nat, dpd = look(node, "EnableNatTraversal"), look(node, "EnableDpd")
    traversal = reader.flag(nat)
    if nat is not None and traversal is not None:
        tunnel.nat_t.say(traversal, nat.place)
    if dpd is not None and reader.flag(dpd) is False:
        reader.warn(dpd, "Alibaba Cloud does not notice a dead peer: set EnableDpd")
    return tunnel
