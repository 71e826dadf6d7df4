"""``google_compute_vpn_tunnel`` in Terraform's states and plans, with its gateways and its router. Only here Google
Cloud's keys are in clear (registry.terraform.io/providers/hashicorp/google)."""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.profiles.google import GOOGLE
from appliance.vendors.draft import Reading
from appliance.vendors.google.connections import read_connections
from appliance.vendors.google.inventory import Inventory
from appliance.vendors.nodes import last_part
from appliance.vendors.settling import unreadable
from appliance.vendors.terraform import resources
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree


def parse(document: Document) -> list[Reading]:
    """Every connection of the state or plan."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, GOOGLE)

    def values(kind: str) -> list[Node]:
        return [resource.values for resource in resources(root, f"google_compute_{kind}")]

    found = Inventory(
        tunnels=values("vpn_tunnel"),
        gateways=values("ha_vpn_gateway"),
        externals=values("external_vpn_gateway"),
        routers=values("router"),
        interfaces=[(last_part(node, "router"), node) for node in values("router_interface")],
        peers=[(last_part(node, "router"), node) for node in values("router_peer")],
    )
    allowed = "a state that has been applied, or a plan"
    return read_connections(found) or unreadable(root.place.fault("no VPN tunnel in it", allowed=allowed), GOOGLE)
