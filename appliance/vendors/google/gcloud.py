"""gcloud's answers (``describe``, ``list`` and a router's ``get-status``), YAML or JSON, in one document or several: a
tunnel's own answer leaves its addresses to its gateway's and its router's."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.model.fault import Fault
from appliance.profiles.google import GOOGLE
from appliance.vendors.draft import Reading
from appliance.vendors.google.connections import read_connections
from appliance.vendors.google.inventory import Inventory
from appliance.vendors.nodes import last_part, listed
from appliance.vendors.settling import unreadable
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree


def parse_together(documents: Sequence[Document]) -> list[Reading]:
    """The connections of all these answers."""
    found, broken = Inventory(), []
    for document in documents:
        root = read_tree(document)
        if isinstance(root, Fault):
            broken += unreadable(root, GOOGLE)
        else:
            _note(root, found)
    readings = read_connections(found)
    if readings or broken:
        return [*readings, *broken]
    place = read_root(documents[0]).place
    message, fix = "there is no tunnel in it", "give what `gcloud compute vpn-tunnels describe` says too"
    return unreadable(place.fault(message, fix=fix), GOOGLE)


def read_root(document: Document) -> Node:
    """The tree of a document that is known to have one."""
    root = read_tree(document)
    assert isinstance(root, Node)
    return root


def _note(root: Node, found: Inventory) -> None:
    """Each resource by its ``kind``."""
    for node in root.walk():
        kind = node.find("kind")
        match kind.text.partition("#")[2] if kind and kind.text else "":
            case "vpnTunnel":
                found.tunnels.append(node)
            case "vpnGateway":
                found.gateways.append(node)
            case "externalVpnGateway":
                found.externals.append(node)
            case "router":
                name = last_part(node, "name")
                found.routers.append(node)
                found.interfaces += [(name, item) for item in listed(node, "interfaces")]
                found.peers += [(name, item) for item in listed(node, "bgpPeers")]
            case "routerStatusResponse":
                found.statuses += listed(node, "result", "bgpPeerStatus")
