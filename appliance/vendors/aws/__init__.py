"""What AWS gives: the configuration downloads of its console."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {
    "aws/strongswan-text": Format(
        "AWS, the download for vendor Strongswan",
        example="console, Site-to-Site VPN, Download configuration: Strongswan, Ubuntu 16.04, Strongswan 5.5.1+",
        module="appliance.vendors.aws.strongswan",
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
}
