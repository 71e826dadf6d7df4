"""Whose gateway a device's configuration speaks to, told by what people and downloads leave in it."""

from __future__ import annotations

import re
from ipaddress import ip_network

from appliance.model.address import IPAddress
from appliance.model.profile import Profile
from appliance.profiles.aws import AWS
from appliance.profiles.azure import AZURE
from appliance.profiles.generic import GENERIC
from appliance.vendors.text import Document

CONNECTION_ID = re.compile(r"\bvpn-(?:[0-9a-f]{17}|[0-9a-f]{8})(?![0-9A-Za-z])")
_AWS = re.compile(rf"(?i)\b(aws|amazon)|^[!#* ]*Your VPN Connection ID|{CONNECTION_ID.pattern}", re.MULTILINE)


_AZURE = re.compile(r"(?i)\b(microsoft|windows) azure\b|\bazure (vpn|virtual network) gateway")


def profile_of(document: Document) -> Profile:
    """AWS when its header, one of its identifiers or its name stands anywhere, Azure when its scripts' words do, else
    any standard gateway."""
    if _AWS.search(document.text):
        return AWS
    return AZURE if _AZURE.search(document.text) else GENERIC


_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
"""Addresses that only a router with NAT in front of a device makes public (RFC 1918, RFC 6598, RFC 4193)."""


def is_behind_nat(address: IPAddress) -> bool:
    """Whether the address is no public one: the cloud knows its device by another."""
    return any(address in net for net in _PRIVATE)
