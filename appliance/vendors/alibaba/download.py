"""DownloadVpnConnectionConfig: the configuration that Alibaba Cloud offers for our device. The device speaks:
``Local`` is ours. It names neither the connection nor its gateways.

Whose side speaks in its BGP blocks is documented nowhere, so it is taken from the AS numbers: 45104 is the cloud's.
"""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.profiles.alibaba import ALIBABA
from appliance.vendors.alibaba.blocks import DEFAULT_ASN, BlockReader, Words, finish_connection
from appliance.vendors.alibaba.describe import CLOUD_SPEAKS_BGP
from appliance.vendors.draft import ConnectionDraft, Findings, Reading
from appliance.vendors.nodes import listed, look
from appliance.vendors.settling import unreadable
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import parse_address, parse_asn

_CUSTOMER_SPEAKS = Words(ours="Local", theirs="Remote")
_CUSTOMER_SPEAKS_BGP = Words(ours="Local", theirs="Peer")
_NEVER = frozenset({"id"})
_EMPTY_KEY = "the document has no Psk for this tunnel"


def parse(document: Document) -> list[Reading]:
    """Every configuration of the document; mostly one."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, ALIBABA)
    readings = [_read(found) for node in root.walk() if (found := node.find("VpnConnectionConfig"))]
    return readings or unreadable(root.place.fault("there is no VpnConnectionConfig in it"), ALIBABA)


def _read(node: Node) -> Reading:
    draft, findings = ConnectionDraft(ALIBABA, never=_NEVER, empty_key=_EMPTY_KEY), Findings()
    reader = BlockReader(draft, findings, _CUSTOMER_SPEAKS)
    reader.read_networks(node)
    tunnels, sessions = listed(node, "TunnelsConfig", "TunnelConfig"), listed(node, "BgpConfigs", "BgpConfig")
    if sessions or tunnels:
        draft.mode.say("bgp" if sessions else "static", (node.find("BgpConfigs") or node).place)
    for index, each in enumerate(tunnels or [node]):
        tunnel = draft.begin_tunnel(each.place)
        reader.say(look(each, "Remote"), tunnel.remote, parse_address)
        reader.say(look(each, "Local"), tunnel.public, parse_address)
        reader.read_ike(look(each, "IkeConfig"), tunnel)
        reader.read_esp(look(each, "IpsecConfig"), tunnel)
        session = _session_of(each, index, sessions)
        words = _speaker(session, reader) if session else None
        if session and words:
            reader.read_bgp(session, tunnel, words)
    return Reading(draft, findings, finish_connection)


def _session_of(tunnel: Node, index: int, sessions: list[Node]) -> Node | None:
    """The BGP block with the tunnel's id; where one of them has none, the one of the same turn."""
    own = look(tunnel, "TunnelId")
    ids = [found.text if (found := look(session, "TunnelId")) else None for session in sessions]
    if own is not None and own.text in ids:
        return sessions[ids.index(own.text)]
    return sessions[index] if index < len(sessions) and (own is None or None in ids) else None


def _speaker(session: Node, reader: BlockReader) -> Words | None:
    """Who speaks in the block; None, and a warning, when its AS numbers do not tell."""
    local, peer = (_asn(look(session, f"{side}Asn")) for side in ("Local", "Peer"))
    if DEFAULT_ASN in (local, peer):
        return CLOUD_SPEAKS_BGP if local == DEFAULT_ASN else _CUSTOMER_SPEAKS_BGP
    message = f"whose LocalAsn and LocalBgpIp these are is not told: neither AS number is {DEFAULT_ASN}"
    reader.warn(session, f"{message}; give what DescribeVpnConnection says, too")
    return None


def _asn(node: Node | None) -> object:
    return parse_asn(node.text, node.place, []) if node is not None and node.text else None
