"""PAN-OS, as ``edit`` and ``set`` lines: AWS's download for Palo Alto Networks, and what people write."""

from __future__ import annotations

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.device.statements import Statement, set_lines
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_IKE = "network ike crypto-profiles ike-crypto-profiles N"
_ESP = "network ike crypto-profiles ipsec-crypto-profiles N"
_GATEWAY = "network ike gateway N"
_TUNNEL = "network tunnel ipsec N"
_UNIT = "network interface tunnel units N"
_PEER = "network virtual-router _ protocol bgp peer-group _ peer N"
_STATIC = "network virtual-router _ routing-table ip static-route N"
_TABLE = (
    (f"{_IKE} encryption V", "ike", "ike.cipher"),
    (f"{_IKE} hash V", "ike", "ike.hash"),
    (f"{_IKE} dh-group V ...", "ike", "ike.group"),
    (f"{_IKE} ... lifetime seconds V", "ike", "ike_lifetime"),
    (f"{_ESP} esp encryption V", "esp", "esp.cipher"),
    (f"{_ESP} esp authentication V", "esp", "esp.hash"),
    (f"{_ESP} dh-group V ...", "esp", "esp.group"),
    (f"{_ESP} ... lifetime seconds V", "esp", "esp_lifetime"),
    (f"{_GATEWAY} protocol version V", "gateway", "version"),
    (f"{_GATEWAY} protocol ikev1 ...", "gateway", "implied_version:1"),
    (f"{_GATEWAY} protocol _ ... ike-crypto-profile V ...", "gateway", "@ike"),
    (f"{_GATEWAY} protocol _ dpd ... interval V ...", "gateway", "dpd_delay"),
    (f"{_GATEWAY} protocol _ dpd ... retry V ...", "gateway", "dpd_retries"),
    (f"{_GATEWAY} authentication pre-shared-key key V", "gateway", "psk"),
    (f"{_GATEWAY} local-address ip V", "gateway", "local"),
    (f"{_GATEWAY} peer-address ip V", "gateway", "remote"),
    (f"{_TUNNEL} auto-key ike-gateway V", "tunnel", "@gateway"),
    (f"{_TUNNEL} auto-key ipsec-crypto-profile V", "tunnel", "@esp"),
    (f"{_TUNNEL} tunnel-interface V", "tunnel", "@interface"),
    (f"{_UNIT} ip V", "interface", "inside"),
    (f"{_UNIT} mtu V", "interface", "mtu"),
    (f"{_PEER} peer-as V", "neighbor", "peer_asn"),
    (f"{_PEER} peer-address ip V", "neighbor", "address"),
    (f"{_PEER} connection-options hold-time V", "neighbor", "hold_time"),
    ("network virtual-router _ protocol bgp local-as V", "bgp", "asn"),
    (f"{_STATIC} destination V", "route", "to"),
    (f"{_STATIC} interface V", "route", "via"),
    (f"{_GATEWAY} local-address interface _", IGNORE, "our address: the uplink decides it"),
    (f"{_GATEWAY} protocol-common ...", IGNORE, "whether there is NAT, the two ends find out"),
    (f"{_GATEWAY} protocol _ dpd ...", IGNORE, "the appliance always looks for dead tunnels"),
    (f"{_TUNNEL} anti-replay yes", IGNORE, "the appliance always looks for replayed packets"),
    (f"{_TUNNEL} tunnel-monitor ...", IGNORE, "the appliance keeps its tunnels up itself"),
    ("zone ...", IGNORE, "a zone: the appliance has its own packet filter"),
)
_DEVICE = Device(
    Rules(_TABLE, scope=r"network (ike|tunnel) "),
    roots=("tunnel", "gateway"),
)
_OLD_UNIT = ("network", "interface", "tunnel")


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its IPsec tunnels."""
    return read_device(document, _with_units(set_lines(document)), _DEVICE)


def _with_units(statements: list[Statement]) -> list[Statement]:
    """AWS's older downloads say the interface's number (``set units tunnel.1``) amid its settings, not before them."""
    names = [s.words[4] if s.words[:4] == (*_OLD_UNIT, "units") and len(s.words) == 5 else None for s in statements]
    made = []
    for at, statement in enumerate(statements):
        words = statement.words
        if words[:3] == _OLD_UNIT and words[3:4] in (("ip",), ("mtu",)):
            near = [
                name
                for name in (names[at - 1] if at else None, *names[at + 1 : at + 2], *names[at - 2 : at - 1])
                if name
            ]
            if near:
                words = (*_OLD_UNIT, "units", near[0], *words[3:])
        made.append(Statement(words, statement.line, statement.section, statement.is_open))
    return made
