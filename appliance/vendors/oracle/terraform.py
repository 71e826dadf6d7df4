"""``oci_core_ipsec`` and its tunnels in Terraform's states and plans (registry.terraform.io/providers/oracle/oci). A
tunnel is managed by itself (``oci_core_ipsec_connection_tunnel_management``) or only looked up."""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.profiles.oracle import ORACLE
from appliance.vendors.draft import Reading
from appliance.vendors.nodes import listed, look, word
from appliance.vendors.oracle.connections import read_connection
from appliance.vendors.settling import unreadable
from appliance.vendors.shape import plain
from appliance.vendors.terraform import resources
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree


def parse(document: Document) -> list[Reading]:
    """Every connection of the state or plan."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, ORACLE)

    def values(kind: str) -> list[Node]:
        return [plain(resource.values) for resource in resources(root, f"oci_core_ipsec{kind}")]

    tunnels = [(word(node, "ipsecid"), node) for node in values("_connection_tunnel_management")]
    for node in values("_connection_tunnels"):
        tunnels += [(word(node, "ipsecid"), item) for item in listed(node, "ipsecconnectiontunnels")]
    keys = [item for node in values("_config") for item in listed(node, "tunnels")]
    connections = values("")
    readings = []
    for owner in dict.fromkeys([*(word(node, "id") for node in connections), *(owner for owner, _ in tunnels)]):
        own = [node for its, node in tunnels if its == owner and look(node, "vpnip")]
        if own:
            readings.append(read_connection([node for node in connections if word(node, "id") == owner], own, keys))
    allowed = "a state that has been applied, with oci_core_ipsec_connection_tunnel_management"
    return readings or unreadable(root.place.fault("no tunnel in it", allowed=allowed), ORACLE)
