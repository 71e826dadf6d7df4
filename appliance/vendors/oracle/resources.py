"""The API's answers as the CLI prints them (``data`` around, hyphens in names) or an SDK does, in one document or more.

A tunnel does not say whose it is: the tunnels of one document belong together, and to the connection when there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.model.document import Ignored
from appliance.model.fault import Fault
from appliance.profiles.oracle import ORACLE
from appliance.vendors.draft import Reading
from appliance.vendors.nodes import look, word
from appliance.vendors.oracle.connections import read_connection
from appliance.vendors.settling import unreadable
from appliance.vendors.shape import plain
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import Place

_GONE = frozenset({"TERMINATED", "TERMINATING"})


def parse_together(documents: Sequence[Document]) -> list[Reading]:
    """The connections of all these answers."""
    nodes: list[Node] = []
    broken: list[Reading] = []
    for document in documents:
        root = read_tree(document)
        if isinstance(root, Fault):
            broken += unreadable(root, ORACLE)
        else:
            nodes += plain(root).walk()
    live = [node for node in nodes if word(node, "lifecyclestate") not in _GONE]
    connections = [node for node in live if (word(node, "id") or "").startswith("ocid1.ipsecconnection.")]
    keys = [node for node in live if look(node, "sharedsecret") and look(node, "ipaddress")]
    readings = _read(connections, [node for node in live if look(node, "vpnip")], keys)
    if readings:
        gone = [node for node in nodes if word(node, "lifecyclestate") in _GONE]
        readings[0].findings.ignored += [Ignored(node.line, "it is terminated") for node in gone]
    elif not broken:
        message, fix = "there is no tunnel in it", "give what `oci network ip-sec-tunnel list` says too"
        return unreadable(Place(documents[0].path, 1, "").fault(message, fix=fix), ORACLE)
    return [*readings, *broken]


def _read(connections: list[Node], tunnels: list[Node], keys: list[Node]) -> list[Reading]:
    ids = list(dict.fromkeys(word(node, "id") for node in connections))
    if len(ids) <= 1 and tunnels:
        return [read_connection(connections, tunnels, keys)]
    by_file: dict[str, list[Node]] = {}
    for tunnel in tunnels:
        by_file.setdefault(tunnel.file, []).append(tunnel)
    return [
        read_connection([node for node in connections if node.file == file], own, keys) for file, own in by_file.items()
    ]
