"""AWS's download for strongSwan (vendor Strongswan, Ubuntu 16.04, 5.5.1+): an ipsec.conf in prose with shell commands.

Its inside addresses stand in a commented ``leftupdown`` line and again in ``ip addr add`` commands; whatever is said
twice is compared. It never names an ASN, a route or the way of routing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws.header import parse_identifier
from appliance.vendors.conn import UPDOWN, parse_networks, read_setting
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.psk import is_stand_in, parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, parse_address, parse_interface, parse_number

_NEVER = frozenset({"asn", "peer_asn"})
_EMPTY_KEY = "the document has no PSK line for this tunnel"
_CONN = re.compile(r"conn (\S+)")
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9_]*) ?= ?(.*)")
_COMMENTED_UPDOWN = re.compile(r"[# ]*leftupdown ?=.*")
_SECRET = re.compile(r"([^\"'#]*?) ?: ?PSK\b ?(.*)")
_COMMAND = re.compile(r"(?:sudo |pre-up |up )?(ip .*)")
_WORD = r"(<[^>]*>|\S+)"
_ADDRESS = re.compile(rf"ip addr(?:ess)? add {_WORD} (?:remote|peer) {_WORD} dev {_WORD}")
_LINK = re.compile(rf"ip link add (?:name |dev )?{_WORD} type vti local {_WORD} remote {_WORD}.*")
_MTU = re.compile(rf"ip link set (?:dev )?{_WORD} (?:up )?mtu {_WORD}(?: up)?")
_ROUTE = re.compile(rf"ip route add {_WORD} dev {_WORD}.*")
_ARGUMENT = r"(<[^>]*>|[^\s\"'-][^\s\"']*)"
_LOCAL = re.compile(rf"(?:-ll|--link-local) {_ARGUMENT}")
_REMOTE = re.compile(rf"(?:-lr|--link-remote) {_ARGUMENT}")
_ROUTES = re.compile(rf"(?:-r|--static-route) {_ARGUMENT}")

_IGNORED = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (r"(sudo |pre-up |up )?ip link add .*", "a VTI: the appliance's XFRM interface takes its place"),
        (r"(sudo |pre-up |up )?ip (link|addr|address) .*", "a tunnel interface: the appliance makes its own"),
        (r"(sudo |pre-up |up )?ip route .*", "a route: the appliance sets its own"),
        (r"(sudo )?iptables(-restore|-save)?( .*)?", "iptables: the appliance has its own packet filter and MSS clamp"),
        (r"(sudo )?sysctl -\S.*|net\.ipv[46]\..*=.*", "a sysctl: the appliance sets what it needs"),
        (r"(auto|iface) Tunnel\d.*", "a network script: what the appliance sets survives a reboot"),
        (r"(\./)?heartbeat\.sh .*|ping -c .*", "a heartbeat: the appliance keeps its tunnels up itself"),
        (r"#!.*", "a script: the appliance does this itself"),
    )
)


def parse(document: Document) -> list[Reading]:
    """The one connection of the document."""
    reader = _Reader(document)
    for line in _joined(document.lines):
        reader.read(line)
    return [Reading(reader.draft, reader.findings, finish)]


def _joined(lines: tuple[Line, ...]) -> Iterator[Line]:
    """The lines; the long ones that a mail program wrapped, ``leftupdown`` and secrets, are one line again."""
    waiting: Line | None = None
    for line in lines:
        if waiting is not None:
            waiting = Line(waiting.number, f"{waiting.text} {line.text.lstrip('# ')}")
        elif _COMMENTED_UPDOWN.fullmatch(line.text) or line.text.endswith(": PSK"):
            waiting = line
        else:
            yield line
            continue
        if not _goes_on(waiting.text) or line.number >= waiting.number + 3:
            yield waiting
            waiting = None
    if waiting is not None:
        yield waiting


def _goes_on(text: str) -> bool:
    """Whether a line was broken: its quote is open, or the key is still to come."""
    return text.count('"') == 1 or text.endswith(": PSK")


class _Reader:
    """Goes through the lines once; knows which ``conn`` it is in and which tunnel it saw last."""

    def __init__(self, document: Document) -> None:
        self.document = document
        announced = 2 if "consists of two tunnels" in document.text else None
        self.draft = ConnectionDraft(AWS, never=_NEVER, empty_key=_EMPTY_KEY, announced=announced)
        self.findings = Findings()
        self._in_conn = False

    def read(self, line: Line) -> None:
        """One line: a conn, a setting in it, a header line, a command, or prose."""
        text = line.text
        if match := _CONN.fullmatch(text):
            self._begin(line, match[1])
        elif _COMMENTED_UPDOWN.fullmatch(text):
            self._read_updown(line)
        elif self._in_conn and (match := _SETTING.fullmatch(text)):
            place = self._place(line, match[1])
            read_setting(match[1].lower(), match[2], place, self.draft, self.draft.tunnels[-1], self.findings)
        elif text and (not text.startswith("#") or text.startswith("#!")):
            self._in_conn = False
            self._read_elsewhere(line)

    def _place(self, line: Line, key: str) -> Place:
        return Place(self.document.path, line.number, key)

    def _warn(self, line: Line, message: str) -> None:
        self.findings.warnings.append(Notice(self._place(line, "").where, message))

    def _begin(self, line: Line, name: str) -> None:
        place = self._place(line, f"conn {name}")
        if name.startswith("%"):
            fix = "write its settings into each conn"
            self.findings.faults.append(place.fault("shared settings are not read", found=f"conn {name}", fix=fix))
        self.draft.begin_tunnel(place)
        self._in_conn = True

    def _read_updown(self, line: Line) -> None:
        """Its arguments carry the inside addresses, in AWS's file behind a comment sign."""
        self.findings.ignored.append(Ignored(line.number, UPDOWN))
        tunnel = self._tunnel(line, "")
        if tunnel is None:
            return
        if line.text.count('"') == 1:
            self._warn(line, "the quote of leftupdown is never closed: its addresses are not read")
            return
        if local := _LOCAL.search(line.text):
            self._say_inside(tunnel, local[1], self._place(line, "leftupdown -ll"))
        if remote := _REMOTE.search(line.text):
            self._say_peer(tunnel, remote[1], self._place(line, "leftupdown -lr"))
        if routes := _ROUTES.search(line.text):
            parse_networks(routes[1], self._place(line, "leftupdown -r"), self.draft.networks, self.findings)

    def _read_elsewhere(self, line: Line) -> None:
        if parse_identifier(line, self.draft, self.document, self.findings):
            return
        if "$" not in line.text and (command := _COMMAND.fullmatch(line.text)):
            self._read_command(line, command[1])
        elif secret := _SECRET.fullmatch(line.text):
            self._read_secret(line, secret[1].split(), secret[2])
            return
        why = next((why for pattern, why in _IGNORED if pattern.fullmatch(line.text)), None)
        if why is not None:
            self.findings.ignored.append(Ignored(line.number, why))

    def _read_command(self, line: Line, text: str) -> None:
        """Commands say again what the conn says, and two things more: the MTU, and networks that someone filled in."""
        if match := _ROUTE.fullmatch(text):
            parse_networks(match[1], self._place(line, "ip route add"), self.draft.networks, self.findings)
        elif (match := _ADDRESS.fullmatch(text)) and (tunnel := self._tunnel(line, match[3])):
            self._say_inside(tunnel, match[1], self._place(line, "ip addr add"))
            self._say_peer(tunnel, match[2], self._place(line, "ip addr add remote"))
        elif (match := _LINK.fullmatch(text)) and (tunnel := self._tunnel(line, match[1])):
            place = self._place(line, "ip link add remote")
            tunnel.remote.say(parse_address(match[3], place, self.findings.faults), place)
        elif (match := _MTU.fullmatch(text)) and (tunnel := self._tunnel(line, match[1])):
            place = self._place(line, "ip link set mtu")
            tunnel.mtu.say(parse_number(match[2], place, self.findings.faults, 576, 1500), place)

    def _say_inside(self, tunnel: TunnelDraft, text: str, place: Place) -> None:
        tunnel.inside.say(parse_interface(text, place, self.findings.faults), place)

    def _say_peer(self, tunnel: TunnelDraft, text: str, place: Place) -> None:
        """The gateway's inside address; AWS writes a length behind it, which the inside network already has."""
        tunnel.peer_inside.say(parse_address(re.sub(r"/\d{1,3}$", "", text), place, self.findings.faults), place)

    def _read_secret(self, line: Line, who: list[str], key: str) -> None:
        place = self._place(line, "PSK")
        tunnel = self._secret_of(who) or self._tunnel(line, "")
        if tunnel is None:
            return
        self._say_selectors(tunnel, [name for name in who if not name.startswith("%")], line)
        quoted = re.fullmatch(r"(?:\"([^\"]*)\"|'([^']*)')(?: ?#.*)?", key)
        text = (quoted[1] or quoted[2] or "") if quoted else key
        if not quoted and not is_stand_in(text):
            self.findings.faults.append(place.fault("the key is not in quotes", allowed='PSK "KEY"'))
        elif text:
            tunnel.psk.say(parse_psk(text, place, self.findings.faults, AWS), place)

    def _secret_of(self, who: list[str]) -> TunnelDraft | None:
        """The tunnel whose ``right`` is among the selectors; with the same placeholder in several, the latest."""
        return next((tunnel for tunnel in reversed(self.draft.tunnels) if tunnel.remote.written & set(who)), None)

    def _say_selectors(self, tunnel: TunnelDraft, who: list[str], line: Line) -> None:
        """AWS writes our address first, then its own; either order means the same to strongSwan."""
        if len(who) != 2:
            return
        ours, theirs = who if who[0] not in tunnel.remote.written else who[::-1]
        place = self._place(line, "PSK selectors")
        tunnel.public.say(parse_address(ours, place, self.findings.faults), place)
        tunnel.remote.say(parse_address(theirs, place, self.findings.faults), place)

    def _tunnel(self, line: Line, device: str) -> TunnelDraft | None:
        """The tunnel with the device's name, else the latest conn."""
        if not self.draft.tunnels:
            self._warn(line, "stands before any conn: not read")
            return None
        named = [tunnel for tunnel in self.draft.tunnels if tunnel.begin.key == f"conn {device}"]
        return named[-1] if named else self.draft.tunnels[-1]
