"""Junos (J series, SRX), as ``set`` lines or in brackets: AWS's download for Juniper, and what people write."""

from __future__ import annotations

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import set_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_GATEWAY = "security ike gateway N"
_VPN = "security ipsec vpn N"
_CHOSEN = "a setting that the appliance chooses itself"
_ZONE = "a zone: the appliance has its own packet filter"
_TABLE = (
    ("security ike proposal N authentication-algorithm V", "ike", "ike.hash"),
    ("security ike proposal N encryption-algorithm V", "ike", "ike.cipher"),
    ("security ike proposal N dh-group V", "ike", "ike.group"),
    ("security ike proposal N lifetime-seconds V", "ike", "ike_lifetime"),
    ("security ike policy N proposals V", "policy", "@ike"),
    ("security ike policy N pre-shared-key ascii-text V", "policy", "psk"),
    (f"{_GATEWAY} ike-policy V", "gateway", "@policy"),
    (f"{_GATEWAY} address V", "gateway", "remote"),
    (f"{_GATEWAY} local-address V", "gateway", "local"),
    (f"{_GATEWAY} local-identity inet V", "gateway", "identity"),
    (f"{_GATEWAY} local-identity hostname V", "gateway", "identity"),
    (f"{_GATEWAY} version V", "gateway", "version"),
    (f"{_GATEWAY} dead-peer-detection interval V", "gateway", "dpd_delay"),
    (f"{_GATEWAY} dead-peer-detection threshold V", "gateway", "dpd_retries"),
    ("security ipsec proposal N authentication-algorithm V", "esp", "esp.hash"),
    ("security ipsec proposal N encryption-algorithm V", "esp", "esp.cipher"),
    ("security ipsec proposal N lifetime-seconds V", "esp", "esp_lifetime"),
    ("security ipsec policy N perfect-forward-secrecy keys V", "esp-policy", "esp.group"),
    ("security ipsec policy N proposals V", "esp-policy", "@esp"),
    (f"{_VPN} bind-interface V", "vpn", "@interface"),
    (f"{_VPN} ike gateway V", "vpn", "@gateway"),
    (f"{_VPN} ike ipsec-policy V", "vpn", "@esp-policy"),
    ("interfaces N family inet address V", "interface", "inside"),
    ("interfaces N family inet mtu V", "interface", "mtu"),
    ("interfaces N unit N family inet address V", "interface", "inside"),
    ("interfaces N unit N family inet mtu V", "interface", "mtu"),
    ("security flow tcp-mss ipsec-vpn mss V", "all", "mss"),
    ("protocols bgp group _ neighbor N peer-as V", "neighbor", "peer_asn"),
    ("protocols bgp group _ neighbor N local-as V", "neighbor", "asn"),
    ("protocols bgp group _ neighbor N hold-time V", "neighbor", "hold_time"),
    ("routing-options autonomous-system V", "bgp", "asn"),
    ("routing-options static route N next-hop V", "route", "via"),
    ("security ike proposal N authentication-method pre-shared-keys", IGNORE, "the only way that is read"),
    ("security ike policy N mode main", IGNORE, "the only mode that is read"),
    (f"{_GATEWAY} external-interface _", IGNORE, "our address: the uplink decides it"),
    (f"{_GATEWAY} dead-peer-detection", IGNORE, "the appliance always looks for dead tunnels"),
    (f"{_GATEWAY} dead-peer-detection _", IGNORE, "the appliance always looks for dead tunnels"),
    (f"{_GATEWAY} no-nat-traversal", IGNORE, "whether there is NAT, the two ends find out"),
    (f"{_GATEWAY} remote-identity ...", IGNORE, "the gateway identifies itself by its outside address"),
    ("security ike traceoptions ...", IGNORE, _CHOSEN),
    ("security ipsec proposal N protocol esp", IGNORE, "the only protocol that is read"),
    (f"{_VPN} df-bit ...", IGNORE, "the appliance sets the MTU and answers with frag-needed instead"),
    (f"{_VPN} establish-tunnels ...", IGNORE, "the appliance starts its tunnels and keeps them up"),
    (f"{_VPN} vpn-monitor ...", IGNORE, "the appliance keeps its tunnels up itself"),
    ("security zones ...", IGNORE, _ZONE),
    ("interfaces N unit N description ...", IGNORE, "a description"),
)
_DEVICE = Device(
    Rules(_TABLE, scope=r"security (ike|ipsec) "),
    roots=("vpn", "gateway"),
    shared={"all": ""},
    pfs_holder="esp-policy",
    version_holder="gateway",
)


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its VPNs are the tunnels."""
    return read_device(document, set_lines(document), _DEVICE)
