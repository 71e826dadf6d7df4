"""What Google Cloud gives: gcloud's answers about tunnels, gateways and routers, and Terraform's states."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "google/gcloud": Format(
        "Google Cloud, VPN tunnels with their gateways and router, YAML or JSON, one file or several",
        example="gcloud compute vpn-tunnels describe NAME --region REGION; the same of vpn-gateways and routers",
        module="appliance.vendors.google.gcloud",
        words=("compute#",),
        marks=(
            r"\bkind[\"']?\s*:\s*[\"']?compute#"
            r"(vpnTunnel|vpnGateway|externalVpnGateway|router|routerStatusResponse)(List)?\b",
            r"\bpeerIp(Address)?[\"']?\s*:",
            r"\b(linkedVpnTunnel|vpnInterfaces|vpnGateway|redundancyType)[\"']?\s*:",
        ),
        needed=1,
        is_tree=True,
        is_spread=True,
    ),
    "google/terraform": Format(
        "Google Cloud, google_compute_vpn_tunnel in Terraform",
        example="terraform show -json, or terraform state pull",
        module="appliance.vendors.google.terraform",
        words=('"google_compute_vpn_tunnel"',),
        marks=(r'"type"\s*:\s*"google_compute_vpn_tunnel"', *terraform.MARKS),
        needed=2,
        is_tree=True,
    ),
}
