"""What Alibaba Cloud gives: its API's answers, as the CLI, the console and OpenAPI Explorer show them."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors import terraform
from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "alibaba/describe": Format(
        "Alibaba Cloud, DescribeVpnConnection(s), perhaps with DescribeCustomerGateway(s), JSON or XML",
        example="aliyun vpc DescribeVpnConnection --RegionId REGION --VpnConnectionId vco-ID",
        module="appliance.vendors.alibaba.describe",
        words=("vpnconnectionid", "customergatewayid"),
        marks=(
            r'["<](VpnConnectionId|CustomerGatewayId)[">]',
            r'["<]((Tunnel)?IkeConfig|Asn)[">]',
            r'["<]Ike(EncAlg|AuthAlg|Version)[">]',
            r'["<](Tunnel)?IpsecConfig[">]',
            r'["<]LocalSubnet[">]',
        ),
        needed=2,
        is_tree=True,
        is_spread=True,
    ),
    "alibaba/download": Format(
        "Alibaba Cloud, DownloadVpnConnectionConfig (the console's download), JSON or XML",
        example="aliyun vpc DownloadVpnConnectionConfig --RegionId REGION --VpnConnectionId vco-ID",
        module="appliance.vendors.alibaba.download",
        words=("vpnconnectionconfig",),
        marks=(r'["<]VpnConnectionConfig[">]', r'["<]IkeConfig[">]', r'["<]IpsecConfig[">]', r'["<]Remote[">]'),
        needed=3,
        is_tree=True,
    ),
    "alibaba/terraform": Format(
        "Alibaba Cloud, alicloud_vpn_connection or alicloud_vpn_gateway_vpn_attachment in Terraform",
        example="terraform show -json, or terraform state pull",
        module="appliance.vendors.alibaba.terraform",
        words=('"alicloud_vpn_connection"', '"alicloud_vpn_gateway_vpn_attachment"'),
        marks=(
            r'"type"\s*:\s*"alicloud_vpn_(connection|gateway_vpn_attachment)"',
            *terraform.MARKS,
        ),
        needed=2,
        is_tree=True,
    ),
    "alibaba/swanctl": Format(
        "swanctl.conf as Alibaba Cloud's strongSwan guide prints it",
        example="cat /etc/strongswan/swanctl/swanctl.conf",
        module="appliance.vendors.alibaba.swanctl",
        words=("remote_addrs",),
        marks=(
            r"(?m)^connections ?\{",
            r"(?m)\bremote_addrs ?= ?\S",
            r"(?m)\b(esp_)?proposals ?= ?\S",
            r"(?m)^secrets ?\{",
            r"(?m)\bremote_ts ?= ?\S",
            r"(?i)\b(alibaba|aliyun|alicloud)|\bvco",  # without it, it is anybody's: device/swanctl
        ),
        needed=2,
    ),
}
