"""Vyatta and VyOS (1.1 to 1.5), as ``set`` lines or as config.boot: AWS's download for Vyatta, and what people write.

1.4 names peers freely and keeps keys apart (``authentication psk``); before it a peer's name is its address.
"""

from __future__ import annotations

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import set_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_PEER = "vpn ipsec site-to-site peer N"
_CHOSEN = "a setting that the appliance chooses itself"
_TABLE = (
    ("vpn ipsec ike-group N lifetime V", "ike", "ike_lifetime"),
    ("vpn ipsec ike-group N key-exchange V", "ike", "version"),
    ("vpn ipsec ike-group N proposal I encryption V", "ike", "ike.cipher"),
    ("vpn ipsec ike-group N proposal I hash V", "ike", "ike.hash"),
    ("vpn ipsec ike-group N proposal I dh-group V", "ike", "ike.group"),
    ("vpn ipsec ike-group N dead-peer-detection interval V", "ike", "dpd_delay"),
    ("vpn ipsec ike-group N dead-peer-detection timeout V", "ike", "dpd_timeout"),
    ("vpn ipsec esp-group N lifetime V", "esp", "esp_lifetime"),
    ("vpn ipsec esp-group N pfs V", "esp", "esp.group"),
    ("vpn ipsec esp-group N proposal I encryption V", "esp", "esp.cipher"),
    ("vpn ipsec esp-group N proposal I hash V", "esp", "esp.hash"),
    ("vpn ipsec authentication psk N id V", "psk", "alias"),
    ("vpn ipsec authentication psk N secret V", "psk", "psk"),
    (f"{_PEER} authentication pre-shared-secret V", "peer", "psk"),
    (f"{_PEER} authentication local-id V", "peer", "identity"),
    (f"{_PEER} authentication id V", "peer", "identity"),
    (f"{_PEER} local-address V", "peer", "local"),
    (f"{_PEER} remote-address V", "peer", "remote"),
    (f"{_PEER} remote-address V", "peer", "@psk"),
    (f"{_PEER} ike-group V", "peer", "@ike"),
    (f"{_PEER} default-esp-group V", "peer", "@esp"),
    (f"{_PEER} vti esp-group V", "peer", "@esp"),
    (f"{_PEER} vti bind V", "peer", "@interface"),
    (f"{_PEER} force-udp-encapsulation V", "peer", "nat_t"),
    (f"{_PEER} force-encapsulation V", "peer", "nat_t"),
    ("interfaces vti N address V", "interface", "inside"),
    ("interfaces vti N mtu V", "interface", "mtu"),
    ("interfaces vti N ip adjust-mss V", "interface", "mss"),
    ("firewall options interface N adjust-mss V", "interface", "mss"),
    ("protocols bgp V neighbor N ...", "neighbor", "asn"),
    ("protocols bgp _ neighbor N remote-as V", "neighbor", "peer_asn"),
    ("protocols bgp _ neighbor N timers holdtime V", "neighbor", "hold_time"),
    ("protocols bgp neighbor N remote-as V", "neighbor", "peer_asn"),
    ("protocols bgp neighbor N timers holdtime V", "neighbor", "hold_time"),
    ("protocols bgp system-as V", "bgp", "asn"),
    ("protocols bgp local-as V", "bgp", "asn"),
    ("protocols static interface-route N next-hop-interface V", "route", "via"),
    ("protocols static route N interface V", "route", "via"),
    ("protocols static route N next-hop V", "route", "via"),
    (f"{_PEER} authentication mode _", IGNORE, "a key on both sides: the only way that is read"),
    (f"{_PEER} authentication remote-id _", IGNORE, "the gateway identifies itself by its outside address"),
    (f"{_PEER} description ...", IGNORE, "a description"),
    (f"{_PEER} connection-type _", IGNORE, "when a tunnel starts: the appliance starts it and keeps it up"),
    (f"{_PEER} ikev2-reauth _", IGNORE, _CHOSEN),
    (f"{_PEER} dhcp-interface _", IGNORE, "our address: the uplink decides it"),
    ("vpn ipsec ike-group N dead-peer-detection action _", IGNORE, "the appliance always restarts a dead tunnel"),
    ("vpn ipsec ike-group N ...", IGNORE, _CHOSEN),
    ("vpn ipsec esp-group N compression _", IGNORE, _CHOSEN),
    ("vpn ipsec esp-group N mode tunnel", IGNORE, "the only mode that is read"),
    ("vpn ipsec interface _", IGNORE, "our address: the uplink decides it"),
    ("vpn ipsec ipsec-interfaces interface _", IGNORE, "our address: the uplink decides it"),
    ("vpn ipsec options ...", IGNORE, _CHOSEN),
    ("vpn ipsec log ...", IGNORE, _CHOSEN),
    ("interfaces vti N description ...", IGNORE, "a description"),
)
_DEVICE = Device(
    Rules(_TABLE, scope=r"vpn ipsec |interfaces vti "),
    roots=("peer",),
    version_holder="ike",
)


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its peers are the tunnels."""
    return read_device(document, set_lines(document), _DEVICE)
