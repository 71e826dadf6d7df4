"""What Azure gives: its resource manager's answers about connections and gateways, and Terraform's states."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "azure/cli": Format(
        "Azure, a connection with both its gateways, JSON or YAML, one file or several",
        example="az network vpn-connection show -g GROUP -n NAME; the same of vnet-gateway and local-gateway",
        module="appliance.vendors.azure.resources",
        words=("/providers/microsoft.network/",),
        marks=(
            r"(?i)/providers/Microsoft\.Network/"
            r"(connections|virtualNetworkGateways|localNetworkGateways|publicIPAddresses)/",
            r"(?i)\b(connectionType|gatewayIpAddress|tunnelIpAddresses|ipAddress)[\"']?\s*:",
            r"(?i)\b(virtualNetworkGateway1|bgpSettings|localNetworkAddressSpace|publicIPAllocationMethod)[\"']?\s*:",
        ),
        needed=1,
        is_tree=True,
        is_spread=True,
    ),
    "azure/terraform": Format(
        "Azure, azurerm_virtual_network_gateway_connection in Terraform",
        example="terraform show -json, or terraform state pull",
        module="appliance.vendors.azure.terraform",
        words=('"azurerm_virtual_network_gateway_connection"',),
        marks=(r'"type"\s*:\s*"azurerm_virtual_network_gateway_connection"', *terraform.MARKS),
        needed=2,
        is_tree=True,
    ),
}
