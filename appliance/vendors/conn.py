"""The settings of one ``conn`` of an ipsec.conf: strongSwan's (ipsec.conf(5) of strongSwan 5), and what Openswan and
Libreswan call otherwise (ipsec.conf(5) of Libreswan 4)."""

from __future__ import annotations

import re
from collections.abc import Callable

from appliance.model.address import IPNetwork
from appliance.model.document import Ignored
from appliance.profiles.generic import GENERIC
from appliance.vendors.draft import ConnectionDraft, Field, Findings, TunnelDraft
from appliance.vendors.keywords import parse_esp_proposals, parse_ike_proposals, parse_ike_version
from appliance.vendors.values import (
    Place,
    parse_address,
    parse_choice,
    parse_interface,
    parse_network,
    parse_number,
    parse_seconds,
    placeholder,
)

UPDOWN = "an updown script: the appliance does this itself"

_DEMANDED = {
    "type": frozenset({"tunnel"}),
    "leftauth": frozenset({"psk"}),
    "rightauth": frozenset({"psk"}),
    "authby": frozenset({"psk", "secret"}),
    "aggressive": frozenset({"no"}),
    "aggrmode": frozenset({"no"}),
    "auth": frozenset({"esp"}),
    "phase2": frozenset({"esp"}),
}
"""Settings with one right value: another one describes something that we do not read."""

_IGNORED = {
    "auto": "when a tunnel starts: the appliance starts it and keeps it up",
    "left": "our address: the uplink decides it",
    "keyingtries": "the appliance never gives up",
    "dpdaction": "the appliance always restarts a dead tunnel",
    "mark": "a mark: the appliance's XFRM interface takes its place",
    "mark_in": "a mark: the appliance's XFRM interface takes its place",
    "mark_out": "a mark: the appliance's XFRM interface takes its place",
    "leftkeepalive": "no setting of strongSwan: the appliance keeps its tunnels up itself",
    "rightkeepalive": "no setting of strongSwan: the appliance keeps its tunnels up itself",
    "vti-interface": "a VTI: the appliance's XFRM interface takes its place",
    "vti-routing": "a VTI: the appliance's XFRM interface takes its place",
    "vti-shared": "a VTI: the appliance's XFRM interface takes its place",
    "ipsec-interface": "an interface: the appliance makes its own",
}
_OURS = "a setting that the appliance chooses itself"
_OTHERS = frozenset(
    {
        "ah", "charon", "closeaction", "compress", "connaddrfamily", "decap-dscp", "eap_identity", "esn",
        "fragmentation", "ikedscp", "inactivity", "initial-contact", "installpolicy", "interface", "ipsec-max-bytes",
        "leftcert", "leftfirewall", "lefthostaccess", "leftikeport", "leftnexthop", "leftprotoport", "leftsendcert",
        "leftsourceip", "leftupdown", "marginbytes", "marginpackets", "margintime", "metric", "mobike", "modeconfig",
        "nat-ikev1-method", "nat_keepalive", "nat-keepalive", "narrowing", "nic-offload", "overlapip", "pfs", "reauth",
        "rekey", "rekeyfuzz", "rekeymargin", "replay-window", "replay_window", "reqid", "retransmit-interval",
        "retransmit-timeout", "rightfirewall", "righthostaccess", "rightikeport", "rightnexthop", "rightprotoport",
        "rightsendcert", "rightsourceip", "rightupdown", "salifetime_b", "sareftrack", "sha256_96", "tfc",
    }
)  # fmt: skip


def read_setting(
    key: str, text: str, place: Place, connection: ConnectionDraft, tunnel: TunnelDraft, findings: Findings
) -> None:
    """Take over, check or ignore one ``key=text``. An unknown key is a fault."""
    text = re.sub(r"(^| )#.*$", "", text).strip("\"' ")
    if key in _READERS:
        _READERS[key](text, place, tunnel, findings)
    elif key.removesuffix("s") in ("leftsubnet", "rightsubnet"):
        field = connection.networks if key.startswith("right") else connection.local_networks
        parse_networks(re.sub(r"[,; ]+", ",", text.strip("{} ")) if "{" in text else text, place, field, findings)
    elif key in _DEMANDED:
        if text.lower() not in _DEMANDED[key]:
            allowed = " or ".join(sorted(_DEMANDED[key]))
            findings.faults.append(place.fault("not what we read", found=text or "nothing", allowed=allowed))
    elif key in _IGNORED or key in _OTHERS:
        findings.ignored.append(Ignored(place.line, _IGNORED.get(key, _OURS)))
    else:
        allowed = "a setting that ipsec.conf(5) has for a conn"
        findings.faults.append(place.fault("unknown setting", allowed=allowed, fix="correct or remove the line"))


def parse_networks(text: str, place: Place, field: Field[IPNetwork], findings: Findings) -> None:
    """A comma list of networks. Everything (``0.0.0.0/0``) says nothing about what is there."""
    for part in text.split(","):
        network = parse_network(part.strip(), place, findings.faults)
        if not (isinstance(network, IPNetwork) and network.prefixlen == 0):
            field.say(network, place)


def _read_right(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.remote.say(parse_address(text, place, findings.faults), place)


def _read_rightid(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    """How the gateway identifies itself: the clouds by their outside address, another one perhaps by a name."""
    if tunnel.profile is not GENERIC:
        _read_right(text, place, tunnel, findings)
    elif text != "%any":
        tunnel.remote_id.say(placeholder(text) or text, place)


def _read_leftid(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    """Our address as the cloud knows it, or a name that is an identity only."""
    if not placeholder(text) and re.fullmatch(r"@?[A-Za-z0-9_.@-]{1,128}", text) and re.search(r"[g-zG-Z@]", text):
        tunnel.local_id.say(text, place)
    else:
        tunnel.public.say(parse_address(text, place, findings.faults), place)


def _read_keyexchange(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    """``ike`` starts as version 2 (ipsec.conf(5))."""
    version = parse_ike_version("ikev2" if text.lower() == "ike" else text, place, findings.faults)
    tunnel.ike_version.say(version, place)


def _read_ike(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.ike_proposals.say(parse_ike_proposals(text, place, findings.faults), place)


def _read_esp(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.esp_proposals.say(parse_esp_proposals(text, place, findings.faults), place)


def _read_inside(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    """Libreswan's ``leftvti`` and ``interface-ip``."""
    tunnel.inside.say(parse_interface(text, place, findings.faults), place)


def _read_mtu(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.mtu.say(parse_number(text, place, findings.faults, 576, 1500), place)


def _read_ikelifetime(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    limits = tunnel.profile.ike.lifetime
    tunnel.ike_lifetime.say(parse_seconds(text, place, findings.faults, limits.low, limits.high), place)


def _read_lifetime(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    limits = tunnel.profile.esp.lifetime
    tunnel.esp_lifetime.say(parse_seconds(text, place, findings.faults, limits.low, limits.high), place)


def _read_dpddelay(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.dpd_delay.say(parse_seconds(text, place, findings.faults, 1, 3600), place)


def _read_dpdtimeout(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    tunnel.dpd_timeout.say(parse_seconds(text, place, findings.faults, 1, 86400), place)


def _read_forceencaps(text: str, place: Place, tunnel: TunnelDraft, findings: Findings) -> None:
    if text.lower() != "auto":
        tunnel.nat_t.say(parse_choice(text, place, findings.faults, {"yes": True, "no": False}), place)


_READERS: dict[str, Callable[[str, Place, TunnelDraft, Findings], None]] = {
    "right": _read_right,
    "rightid": _read_rightid,
    "leftid": _read_leftid,
    "keyexchange": _read_keyexchange,
    "ike": _read_ike,
    "esp": _read_esp,
    "ikelifetime": _read_ikelifetime,
    "lifetime": _read_lifetime,
    "keylife": _read_lifetime,
    "dpddelay": _read_dpddelay,
    "dpdtimeout": _read_dpdtimeout,
    "forceencaps": _read_forceencaps,
    "encapsulation": _read_forceencaps,
    "phase2alg": _read_esp,
    "salifetime": _read_lifetime,
    "leftvti": _read_inside,
    "interface-ip": _read_inside,
    "mtu": _read_mtu,
}
