"""What Google Cloud gives: gcloud's answers about tunnels, gateways and routers, and Terraform's states."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "google/gcloud": Format(
        "Google Cloud, gcloud's answers about VPN tunnels, VPN gateways and routers, YAML or JSON, one file or several",
        example="for each of the tunnels, gateways and routers: gcloud compute vpn-tunnels describe NAME "
        "--region=REGION --format=json; also vpn-gateways, external-vpn-gateways and routers describe",
        module="appliance.vendors.google.gcloud",
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
        marks=(r'"type"\s*:\s*"google_compute_vpn_tunnel"', *terraform.MARKS),
        needed=2,
        is_tree=True,
    ),
}
