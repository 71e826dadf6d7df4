"""Configurations of devices that speak to a cloud's gateway: made by the cloud for one, or by hand."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors.recognition import Format

_DOWNLOAD = "console, Site-to-Site VPN, Download configuration"

FORMATS: Mapping[str, Format] = {
    "device/openswan": Format(
        "ipsec.conf of Openswan or Libreswan, AWS's download for Openswan among them",
        example=f"{_DOWNLOAD}: Openswan; or /etc/ipsec.d/*.conf and *.secrets",
        module="appliance.vendors.device.ipsec_conf",
        marks=(
            r"(?m)^conn \S+$",
            r"(?m)^right ?= ?\S",
            r"(?m)^(phase2alg|phase2|ikev2|ipsec-interface|vti-interface|leftvti) ?= ?\S|^auth ?= ?esp",
            r"(?m)^authby ?= ?secret",
        ),
        needed=3,
    ),
    "device/ipsec-conf": Format(
        "ipsec.conf of strongSwan, with its ipsec.secrets and leftupdown",
        example="cat /etc/ipsec.conf /etc/ipsec.secrets",
        module="appliance.vendors.device.ipsec_conf",
        marks=(
            # AWS's download has its own name:
            r"(?ms)\A(?!.*^Your VPN Connection ID ?:).*^conn \S+$",
            r"(?m)^right ?= ?\S",
            r"(?m)^(left|leftid|leftsubnet) ?= ?\S",
            r"(?m)^(ike|esp|keyexchange) ?= ?\S",
            r"(?m)^(authby|leftauth|rightauth) ?= ?(psk|secret)",
            r"(?m)^(#+ ?)?leftupdown ?= ?\S|^(left|right)keepalive ?=|^(mark|also|auto) ?= ?\S",
        ),
        needed=2,
    ),
    "device/ipsec-secrets": Format(
        "ipsec.secrets, beside the ipsec.conf that it belongs to",
        example="cat /etc/ipsec.secrets",
        module="appliance.vendors.device.ipsec_secrets",
        marks=(r"(?ms)\A(?!.*^conn \S)(?!.*^secrets ?\{)(?!.*IPSec Tunnel ?#).*?^[^\n\"'=|{}#]*: ?PSK\b",),
        needed=1,
    ),
}
