"""What Oracle Cloud gives: its API's answers about IPSec connections and their tunnels, and Terraform's states."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "oracle/cli": Format(
        "Oracle Cloud, an IPSec connection and its tunnels, JSON, one file or several",
        example="oci network ip-sec-connection get --ipsc-id OCID; oci network ip-sec-tunnel list --ipsc-id OCID",
        module="appliance.vendors.oracle.resources",
        words=("ocid1.ipsec",),
        marks=(
            r"\bocid1\.ipsec(connection|tunnel)\.",
            r"\b(vpn-?[Ii]p|cpe-?[Ii]d)[\"']?\s*:",
            r"\b(drg-?[Ii]d|bgp-?[Ss]ession-?[Ii]nfo|dpd-?[Mm]ode)[\"']?\s*:",
        ),
        needed=1,
        is_tree=True,
        is_spread=True,
    ),
    "oracle/terraform": Format(
        "Oracle Cloud, oci_core_ipsec and its tunnels in Terraform",
        example="terraform show -json, or terraform state pull",
        module="appliance.vendors.oracle.terraform",
        words=('"oci_core_ipsec',),
        marks=(
            r'"type"\s*:\s*"oci_core_ipsec(_connection_tunnel_management|_connection_tunnels|_config)?"',
            *terraform.MARKS,
        ),
        needed=2,
        is_tree=True,
    ),
}
