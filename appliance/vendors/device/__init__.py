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
        words=("conn",),
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
        words=("conn",),
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
        words=("psk",),
        marks=(r"(?ms)\A(?!.*^conn \S)(?!.*^secrets ?\{)(?!.*IPSec Tunnel ?#).*?^[^\n\"'=|{}#]*: ?PSK\b",),
        needed=1,
    ),
    "device/vyos": Format(
        "Vyatta and VyOS, as set lines or config.boot, AWS's download for Vyatta among them",
        example=f"{_DOWNLOAD}: Vyatta; or show configuration commands",
        module="appliance.vendors.device.vyos",
        words=("site-to-site", "ike-group"),
        marks=(
            r"(?m)^(\S*[#$] ?)?set vpn ipsec (site-to-site|ike-group) \S|^(ike-group|site-to-site) (\S+ )?\{",
            r"(?m)set vpn ipsec site-to-site peer \S+ |^site-to-site \{",
            r"(?m)set vpn ipsec esp-group \S+ |^esp-group \S+ \{",
            r"(?m)set interfaces vti \S+ |^vti \S+ \{",
        ),
        needed=1,
    ),
    "device/junos": Format(
        "Junos (J series, SRX), as set lines or in brackets, AWS's download for Juniper among them",
        example=f"{_DOWNLOAD}: Juniper Networks, Inc.; or show configuration | display set",
        module="appliance.vendors.device.junos",
        words=("security", "ike-policy", "gateway"),
        marks=(
            r"(?m)^(\S*[#>] ?)?set security (ike|ipsec) (proposal|policy|gateway|vpn) |^ike-policy \S+;|^gateway .+\{$",
            r"(?m)set security ike gateway \S+ |^external-interface \S+;",
            r"(?m)set security ipsec vpn \S+ |^bind-interface \S+;",
            r"(?m)set interfaces st0[ .]|^st0 \{",
        ),
        needed=1,
    ),
    "device/panos": Format(
        "PAN-OS, as edit and set lines, AWS's download for Palo Alto Networks among them",
        example=f"{_DOWNLOAD}: Palo Alto Networks; or set cli config-output-format set, then show",
        module="appliance.vendors.device.panos",
        words=("network",),
        marks=(
            r"(?m)^(\S*[#>] ?)?(set|edit) network ike (crypto-profiles|gateway) \S",
            r"(?m)^(\S*[#>] ?)?(set|edit) network tunnel ipsec \S",
            r"(?m)^(\S*[#>] ?)?(set|edit) network interface tunnel\b",
        ),
        needed=1,
    ),
    "device/cisco": Format(
        "Cisco IOS, IOS XE and ASA, AWS's downloads for Cisco among them",
        example=f"{_DOWNLOAD}: Cisco Systems, Inc.; or show running-config",
        module="appliance.vendors.device.cisco",
        words=("crypto",),
        marks=(
            r"(?m)^crypto (isakmp|ikev1|ikev2) (policy|proposal|profile) \S|^crypto map \S+ \d+ set peer ",
            r"(?m)^crypto ipsec (ikev[12] )?(transform-set|profile|ipsec-proposal) \S",
            r"(?m)^interface Tunnel ?\d|^tunnel-group \S+ ipsec-attributes",
        ),
        needed=1,
    ),
    "device/fortios": Format(
        "FortiOS, as commands, AWS's download for Fortinet among them",
        example=f"{_DOWNLOAD}: Fortinet; or show vpn ipsec phase1-interface, with show system interface and router bgp",
        module="appliance.vendors.device.fortios",
        words=("phase1-interface",),
        marks=(
            r"(?m)^config vpn ipsec phase1-interface",
            r"(?m)^config vpn ipsec phase2-interface",
            r"(?m)^config system interface",
        ),
        needed=1,
    ),
    "device/swanctl": Format(
        "swanctl.conf of strongSwan, to any cloud",
        example="cat /etc/swanctl/swanctl.conf /etc/swanctl/conf.d/*.conf",
        module="appliance.vendors.alibaba.swanctl",
        words=("connections",),
        marks=(
            r"(?msi)\A(?!.*\b(alibaba|aliyun|alicloud|vco)).*^connections ?\{",
            r"(?m)\bremote_addrs ?= ?\S",
        ),
        needed=2,
    ),
    "device/routeros": Format(
        "RouterOS (MikroTik), as it exports itself",
        example="/export show-sensitive",
        module="appliance.vendors.device.routeros",
        words=("ipsec",),
        marks=(
            r"(?m)^/ip ipsec (peer|profile|identity|proposal)\b",
            r"(?m)^/ip ipsec peer\b",
            r"(?m)\badd .*\baddress=",
        ),
        needed=1,
    ),
    "device/pfsense": Format(
        "AWS, the download for vendor pfSense",
        example=f"{_DOWNLOAD}: pfSense",
        module="appliance.vendors.device.pfsense",
        words=("exchange",),
        marks=(
            r"(?mi)^([a-z]\. )?Key Exchange version ?:",
            r"(?mi)^([a-z]\. )?Remote Gateway ?:",
            r"(?i)Phase ?1 entry",
        ),
        needed=2,
    ),
    "device/fortigate-pages": Format(
        "AWS, the download for vendor Fortinet that tells which pages to fill in",
        example=f"{_DOWNLOAD}: Fortinet, Fortigate 40+ Series, FortiOS (GUI)",
        module="appliance.vendors.device.fortigate_pages",
        words=("local-gateway",),
        marks=(
            r"(?mi)^Go to VPN.*create Phase ?1$",
            r"(?mi)^([a-z]\. )?Local-gateway ?:",
            r"(?mi)^([a-z]\. )?Remote IP ?:",
        ),
        needed=2,
    ),
    "device/updown-script": Format(
        "an updown script, beside the ipsec.conf that calls it",
        example="cat /etc/ipsec.d/aws-updown.sh",
        module="appliance.vendors.device.updown_script",
        words=("#!",),
        marks=(r"\A#! ?/\S*sh\b", r"\bPLUTO_(VERB|CONNECTION|PEER|MY|XFRMI)|--link-(local|remote)\b"),
        needed=2,
    ),
    "device/pfsense-xml": Format(
        "pfSense or OPNsense, as it saves its configuration",
        example="pfSense, Diagnostics, Backup & Restore: backup area IPsec, or all",
        module="appliance.vendors.device.pfsense_xml",
        words=("<phase1>",),
        marks=(r"<phase1>", r"<remote-gateway>", r"<(pfsense|opnsense|ipsec)\b"),
        needed=2,
        is_tree=True,
    ),
}
