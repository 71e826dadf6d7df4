"""Azure's resources as the CLI, the REST API, PowerShell and templates show them, in one document or several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.model.document import Ignored
from appliance.model.fault import Fault
from appliance.profiles.azure import AZURE
from appliance.vendors.azure.connections import Inventory, read_connection
from appliance.vendors.draft import Reading
from appliance.vendors.nodes import distinct, look, word
from appliance.vendors.settling import unreadable
from appliance.vendors.shape import plain
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import Place

_CONNECTION = re.compile(r"(?i)/providers/Microsoft\.Network/connections/[^/]+$")
_RESOURCE = re.compile(
    r"(?i)/providers/Microsoft\.Network/(virtualNetworkGateways|localNetworkGateways|public\w+)/[^/]+$"
)


def parse_together(documents: Sequence[Document]) -> list[Reading]:
    """The IPsec connections of all these answers."""
    nodes: list[Node] = []
    broken: list[Reading] = []
    for document in documents:
        root = read_tree(document)
        if isinstance(root, Fault):
            broken += unreadable(root, AZURE)
        else:
            nodes += (node for node in plain(root).walk() if word(node, "id"))
    found = Inventory([node for node in nodes if _RESOURCE.search(word(node, "id") or "")])
    connections = distinct(
        node for node in nodes if _CONNECTION.search(word(node, "id") or "") and look(node, "connectiontype")
    )
    others = [node for node in connections if word(node, "connectiontype") != "IPsec"]
    readings = [read_connection(node, found) for node in connections if word(node, "connectiontype") == "IPsec"]
    if readings:
        readings[0].findings.ignored += [Ignored(node.line, "a connection that is not IPsec") for node in others]
    elif not broken:
        message, fix = "there is no IPsec connection in it", "give what `az network vpn-connection show` says too"
        return unreadable(Place(documents[0].path, 1, "").fault(message, fix=fix), AZURE)
    return [*readings, *broken]
