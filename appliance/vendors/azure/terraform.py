"""``azurerm_virtual_network_gateway_connection`` in Terraform's states and plans, with its gateways
(registry.terraform.io/providers/hashicorp/azurerm)."""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.profiles.azure import AZURE
from appliance.vendors.azure.connections import Inventory, read_connection
from appliance.vendors.draft import Reading
from appliance.vendors.nodes import word
from appliance.vendors.settling import unreadable
from appliance.vendors.shape import plain
from appliance.vendors.terraform import resources
from appliance.vendors.text import Document
from appliance.vendors.tree import read_tree

_RENAMED = {
    "type": "connectiontype",
    "bgpenabled": "enablebgp",
    "ipsecpolicy": "ipsecpolicies",
    "salifetime": "salifetimeseconds",
    "gatewayaddress": "gatewayipaddress",
    "gatewayfqdn": "fqdn",
    "peeringaddresses": "bgppeeringaddresses",
    "ipconfigurationname": "ipconfigurationid",
    "apipaaddresses": "custombgpipaddresses",
    "defaultaddresses": "defaultbgpipaddresses",
}
"""Terraform's words, and the API's."""
_OTHERS = ("azurerm_virtual_network_gateway", "azurerm_local_network_gateway", "azurerm_public_ip")


def parse(document: Document) -> list[Reading]:
    """Every IPsec connection of the state or plan."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, AZURE)
    found = Inventory([plain(each.values, _RENAMED) for each in resources(root, *_OTHERS)])
    nodes = [plain(each.values, _RENAMED) for each in resources(root, "azurerm_virtual_network_gateway_connection")]
    readings = [read_connection(node, found) for node in nodes if word(node, "connectiontype") == "IPsec"]
    allowed = "a state that has been applied, or a plan"
    return readings or unreadable(root.place.fault("no IPsec connection in it", allowed=allowed), AZURE)
