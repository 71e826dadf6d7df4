"""What AWS gives: the configuration downloads of its console, the EC2 API's descriptions, Terraform's states."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "aws/strongswan-text": Format(
        "AWS, the download for vendor Strongswan",
        example="console, Site-to-Site VPN, Download configuration: Strongswan, Ubuntu 16.04, Strongswan 5.5.1+",
        module="appliance.vendors.aws.strongswan",
        words=("conn",),
        marks=(
            r"(?m)^conn \S+$",
            r"(?m)^right ?= ?\S",
            r"(?mi)^Your VPN Connection ID ?:|aws-updown\.sh",
            # Openswan's download has none of these:
            r"(?m)^(esp|leftauth|rightauth) ?=|^(sudo |pre-up |up )?ip link add .* type vti ",
            r"(?m)^keyexchange ?= ?ikev",
            r"(?m)^ike ?= ?\S",
            r"(?mi)^IPSEC Tunnel #\d",
            r"(?m) ?: PSK ",
        ),
        needed=4,
    ),
    "aws/generic-text": Format(
        "AWS, the download for vendor Generic",
        example="console, Site-to-Site VPN, Download configuration: Generic, Generic, Vendor Agnostic",
        module="appliance.vendors.aws.generic",
        words=("ipsec",),
        marks=(
            r"(?mi)^IPSec Tunnel ?# ?\d",
            r"(?mi)Internet Key Exchange Configuration",
            r"(?mi)^Your VPN Connection ID ?:|- Virtual Private Gateway ?:",
            r"(?mi)^- Pre-Shared Key ?:",
            r"(?mi)^- Authentication Algorithm ?:",
            r"(?mi)^Outside IP Addresses",
            r"(?mi)^Inside IP Addresses",
            r"(?mi)^- Tunnel interface MTU ?:",
            r"(?mi)^#4: (Border Gateway Protocol|Static Routing)",
        ),
        needed=3,
    ),
    "aws/xml": Format(
        "AWS, the CustomerGatewayConfiguration in XML",
        example="aws ec2 describe-vpn-connections --query VpnConnections[0].CustomerGatewayConfiguration --output text",
        module="appliance.vendors.aws.configuration",
        words=("vpn_connection",),
        marks=(
            r"\A(?![\s\S]*(?:[Vv]pn_?[Cc]onnection_?[Ii]d|VpnConnections:))[^{}]*?<vpn_connection\b"
            r'|"value"\s*:\s*"(?:<|\\u003c)(?:[^"\\\n]|\\.)*(?:<|\\u003c)vpn_connection\b',
            r"<ipsec_tunnel\b",
            r"<customer_gateway_id>",
            r"<tunnel_outside_address>",
            r"<pre_shared_key\b",
        ),
        needed=1,
        is_tree=True,
    ),
    "aws/terraform": Format(
        "AWS, aws_vpn_connection in Terraform",
        example="terraform show -json, or terraform state pull",
        module="appliance.vendors.aws.terraform",
        words=('"aws_vpn_connection"',),
        marks=(r'"type"\s*:\s*"aws_vpn_connection"', *terraform.MARKS),
        needed=2,
        is_tree=True,
    ),
    "aws/describe": Format(
        "AWS, the EC2 API's description of connections (JSON, YAML or XML)",
        example="aws ec2 describe-vpn-connections --vpn-connection-ids vpn-ID",
        module="appliance.vendors.aws.description",
        words=("vpnconnectionid", "vpn_connection_id"),
        marks=(
            r"[\"'<]?[Vv]pn_?[Cc]onnection_?[Ii]d[\"']?\s*[:>]",
            r"[\"'<]?[Cc]ustomer_?[Gg]ateway_?[Ii]d[\"']?\s*[:>]",
            r"[Vv]pn_?[Cc]onnections?\b|vpnConnectionSet",
            r"[Oo]utside_?[Ii]p_?[Aa]ddress|[Cc]ustomer_?[Gg]ateway_?[Cc]onfiguration",
        ),
        needed=2,
        is_tree=True,
    ),
    "aws/secret": Format(
        "AWS, the keys in Secrets Manager, beside a description of the connection",
        example="aws secretsmanager get-secret-value --secret-id PRE-SHARED-KEY-ARN",
        module="appliance.vendors.aws.secret",
        words=("secretstring", '"'),
        marks=(r'\A\s*\{\s*"[0-9A-Fa-f]{1,4}[.:][0-9A-Fa-f.:]+"\s*:\s*"|"SecretString"\s*:',),
        needed=1,
        is_tree=True,
    ),
}
