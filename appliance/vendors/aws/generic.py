"""AWS's generic download (vendor Generic, platform Generic, software Vendor Agnostic): ``- Name : value`` in sections.

Names and sections as AWS has written them since 2012: without an IKE version (then it is 1), with the IKE group under
``Perfect Forward Secrecy`` or ``Diffie-Hellman``, with a BGP or a static section. The crypto of the ``compatibility``
download is the least that AWS accepts, whatever the connection's options are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws.header import parse_identifier
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.keywords import esp_proposals, ike_proposals, parse_ike_version
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.suite import Suite
from appliance.vendors.text import Document, Line
from appliance.vendors.values import (
    Place,
    parse_address,
    parse_interface,
    parse_number,
    parse_seconds,
)

_NEVER = frozenset({"networks"})
_EMPTY_KEY = "the document has no key here; one that is stored in Secrets Manager is left out"
_TUNNEL = re.compile(r"(?i)[-#* ]*IPSec Tunnel ?# ?(\d{1,2})[-: ]*")
_HEADING = re.compile(r"(?i)# ?\d{1,2} ?[:.)] ?(.*)")
_FIELD = re.compile(r"(?P<bullet>[-*•] ?)?(?P<name>[A-Za-z][A-Za-z0-9 '-]*?)(?: ?:)+ ?(?P<value>.*)")
_SECTIONS = {
    "internet key exchange": "ike",
    "ipsec configuration": "ipsec",
    "tunnel interface": "interface",
    "border gateway protocol": "bgp",
    "static rout": "static",
}
_DEMANDED = {
    "authentication method": "pre-shared key",
    "phase 1 negotiation mode": "main",
    "protocol": "esp",
    "mode": "tunnel",
}
"""Names with one right value: AWS offers no other, or we read no other (certificates)."""
_IGNORED = {
    "clear don't fragment bit": "the appliance sets the MTU and answers with frag-needed instead",
    "fragmentation": "the appliance sets the MTU, so nothing is fragmented after encryption",
}
_GATEWAYS = frozenset({"virtual private gateway", "transit gateway", "vpn gateway", "vgw"})


def parse(document: Document) -> list[Reading]:
    """The one connection of the document."""
    reader = _Reader(document)
    for line in document.lines:
        reader.read(line)
    reader.compose_proposals()
    return [Reading(reader.draft, reader.findings, finish)]


class _Reader:
    """Goes through the lines once; knows the tunnel, the section and, for addresses, the side it is in."""

    def __init__(self, document: Document) -> None:
        self.document = document
        announced = 2 if re.search(r"(?i)consists of a pair of IPSec tunnel", document.text) else None
        self.draft = ConnectionDraft(AWS, never=_NEVER, empty_key=_EMPTY_KEY, announced=announced, is_template=True)
        self.findings = Findings()
        self._is_template = False
        self._section: str | None = None
        self._side: str | None = None
        self._suites: list[tuple[Suite, Suite]] = []  # IKE and ESP of each tunnel
        self._main_mode: list[Place | None] = []

    def read(self, line: Line) -> None:
        """One line: a heading, a field, or prose."""
        if match := _TUNNEL.fullmatch(line.text):
            self._begin(line, match[1])
        elif match := _HEADING.fullmatch(line.text):
            self._enter(line, match[1])
        elif re.match(r"(?i)(outside|inside) IP(v[46])? address", line.text):
            self._side = line.text.split()[0].lower()
        elif re.match(r"(?i)additional notes", line.text):
            self._section = None
        elif "customized tunnel options" in line.text and not self._is_template:
            self._is_template = True
            message = "options that were set for the connection are not in this download: compare them in the console"
            self.findings.warnings.append(Notice(self._place(line, "").where, message))
        elif parse_identifier(line, self.draft, self.document, self.findings):
            pass
        elif self._section and (match := _FIELD.fullmatch(line.text)):
            self._read_field(line, match["name"], match["value"], is_item=bool(match["bullet"]))

    def _place(self, line: Line, key: str) -> Place:
        return Place(self.document.path, line.number, key)

    def _begin(self, line: Line, number: str) -> None:
        self.draft.begin_tunnel(self._place(line, f"IPSec Tunnel #{number}"))
        self._suites.append((Suite(), Suite()))
        self._main_mode.append(None)
        self._section = self._side = None

    def _enter(self, line: Line, title: str) -> None:
        self._side = None
        known = (name for words, name in _SECTIONS.items() if words in title.lower())
        self._section = next(known, None) if self.draft.tunnels else None
        if self._section in ("bgp", "static"):
            self.draft.mode.say(self._section, self._place(line, title.rstrip(":")))

    def _read_field(self, line: Line, written: str, text: str, is_item: bool) -> None:
        name = written.lower()
        place = self._place(line, written)
        reader = _READERS.get((self._section or "", name))
        if name in _DEMANDED:
            self._check_demanded(name, text, place)
        elif name in _IGNORED:
            self.findings.ignored.append(Ignored(line.number, _IGNORED[name]))
        elif self._section == "interface" and (name in _GATEWAYS or name == "customer gateway"):
            self._read_gateway(name, text, place)
        elif reader is not None:
            reader(self, text, place)
        elif is_item:
            self.findings.warnings.append(Notice(place.where, f"{written}: not known, not taken over"))

    @property
    def _tunnel(self) -> TunnelDraft:
        return self.draft.tunnels[-1]

    @property
    def _suite(self) -> Suite:
        return self._suites[-1][self._section != "ike"]

    def _check_demanded(self, name: str, text: str, place: Place) -> None:
        if text.lower() != _DEMANDED[name]:
            allowed = _DEMANDED[name]
            self.findings.faults.append(place.fault("not what we read", found=text or "nothing", allowed=allowed))
        elif name == "phase 1 negotiation mode":
            self._main_mode[-1] = place

    def _read_gateway(self, name: str, text: str, place: Place) -> None:
        """An address of ours or of the gateway; outside or inside by its heading, else by its length."""
        ours, faults = name == "customer gateway", self.findings.faults
        if (self._side or ("inside" if "/" in text else "outside")) == "outside":
            field = self._tunnel.public if ours else self._tunnel.remote
            field.say(parse_address(text, place, faults), place)
        elif ours:
            self._tunnel.inside.say(parse_interface(text, place, faults), place)
        else:
            self._read_peer(text, place)

    def _read_peer(self, text: str, place: Place) -> None:
        address = parse_address(re.sub(r"/\d{1,3}$", "", text), place, self.findings.faults)
        self._tunnel.peer_inside.say(address, place)

    def _read_version(self, text: str, place: Place) -> None:
        version = parse_ike_version(text.replace(" ", ""), place, self.findings.faults)
        self._tunnel.ike_version.say(version, place)

    def _read_psk(self, text: str, place: Place) -> None:
        if text:
            self._tunnel.psk.say(parse_psk(text, place, self.findings.faults, AWS), place)

    def _read_ciphers(self, text: str, place: Place) -> None:
        self._suite.read_ciphers(text, place, self.findings.faults)

    def _read_hashes(self, text: str, place: Place) -> None:
        self._suite.read_hashes(text, place, self.findings.faults)

    def _read_groups(self, text: str, place: Place) -> None:
        self._suite.read_groups(text, place, self.findings.faults, optional=self._section == "ipsec")

    def _read_lifetime(self, text: str, place: Place) -> None:
        is_ike = self._section == "ike"
        limits = (AWS.ike if is_ike else AWS.esp).lifetime
        field = self._tunnel.ike_lifetime if is_ike else self._tunnel.esp_lifetime
        field.say(parse_seconds(text, place, self.findings.faults, limits.low, limits.high), place)

    def _read_delay(self, text: str, place: Place) -> None:
        self._tunnel.dpd_delay.say(parse_seconds(text, place, self.findings.faults, 1, 3600), place)

    def _read_retries(self, text: str, place: Place) -> None:
        self._tunnel.dpd_retries.say(parse_number(text, place, self.findings.faults, 1, 100), place)

    def _read_mss(self, text: str, place: Place) -> None:
        self._tunnel.mss.say(parse_number(text, place, self.findings.faults, 536, 1460, "bytes"), place)

    def _read_mtu(self, text: str, place: Place) -> None:
        self._tunnel.mtu.say(parse_number(text, place, self.findings.faults, 576, 1500, "bytes"), place)

    def _read_asn(self, text: str, place: Place) -> None:
        self.draft.asn.say(parse_number(text, place, self.findings.faults, 0, 4294967295), place)

    def _read_peer_asn(self, text: str, place: Place) -> None:
        self.draft.peer_asn.say(parse_number(text, place, self.findings.faults, 0, 4294967295), place)

    def _read_hold_time(self, text: str, place: Place) -> None:
        """RFC 4271, 4.2: at least 3 seconds; 0 would mean no keepalives, which AWS does not write."""
        self.draft.hold_time.say(parse_seconds(text, place, self.findings.faults, 3, 65535), place)

    def compose_proposals(self) -> None:
        """At the end: ciphers, hashes and groups to proposals; without a version but with main mode it is IKEv1."""
        for tunnel, (ike, esp), main in zip(self.draft.tunnels, self._suites, self._main_mode, strict=True):
            ike.compose(ike_proposals, tunnel.ike_proposals, self.findings.faults)
            esp.compose(esp_proposals, tunnel.esp_proposals, self.findings.faults)
            if main is not None and tunnel.ike_version.place is None:
                tunnel.ike_version.say(1, main)


_READERS: dict[tuple[str, str], Callable[[_Reader, str, Place], None]] = {
    ("ike", "ike version"): _Reader._read_version,
    ("ike", "pre-shared key"): _Reader._read_psk,
    ("ike", "encryption algorithm"): _Reader._read_ciphers,
    ("ike", "authentication algorithm"): _Reader._read_hashes,
    ("ike", "diffie-hellman"): _Reader._read_groups,
    ("ike", "perfect forward secrecy"): _Reader._read_groups,
    ("ike", "lifetime"): _Reader._read_lifetime,
    ("ipsec", "encryption algorithm"): _Reader._read_ciphers,
    ("ipsec", "authentication algorithm"): _Reader._read_hashes,
    ("ipsec", "perfect forward secrecy"): _Reader._read_groups,
    ("ipsec", "lifetime"): _Reader._read_lifetime,
    ("ipsec", "dpd interval"): _Reader._read_delay,
    ("ipsec", "dpd retries"): _Reader._read_retries,
    ("ipsec", "tcp mss adjustment"): _Reader._read_mss,
    ("interface", "tunnel interface mtu"): _Reader._read_mtu,
    ("bgp", "customer gateway asn"): _Reader._read_asn,
    ("bgp", "virtual private gateway asn"): _Reader._read_peer_asn,
    ("bgp", "transit gateway asn"): _Reader._read_peer_asn,
    ("bgp", "neighbor ip address"): _Reader._read_peer,
    ("bgp", "neighbor hold time"): _Reader._read_hold_time,
    ("static", "next hop"): _Reader._read_peer,
    ("static", "ipsec next hop"): _Reader._read_peer,
}
