"""An ipsec.conf as strongSwan, Libreswan and Openswan read it, alone or amid the prose and commands of a guide.

Shared settings (``conn %default``, ``also=``) are inherited. Inside addresses stand in a ``leftupdown`` line, perhaps
behind a comment sign, and again in ``ip addr add`` commands; whatever is said twice is compared. No such file names an
ASN or the way of routing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.model.profile import Profile
from appliance.vendors.aws.header import parse_identifier
from appliance.vendors.conn import parse_networks
from appliance.vendors.device.cloud import profile_of
from appliance.vendors.device.conns import Conns
from appliance.vendors.device.secret_line import SecretLine, match_secret
from appliance.vendors.device.updown import read_updown, say_inside, say_peer
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.settling import finish
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, parse_address, parse_number

_NEVER = frozenset({"asn", "peer_asn"})
_EMPTY_KEY = "the document has no PSK line for this tunnel"
_CONN = re.compile(r"conn (\S+)")
_SECTION = re.compile(r"(?:config setup|ca \S+|include \S.*)")
_SETTING = re.compile(r"([A-Za-z][A-Za-z0-9_-]*) ?= ?(.*)")
_COMMENTED_UPDOWN = re.compile(r"[# ]*leftupdown ?=.*")
_COMMAND = re.compile(r"(?:sudo |pre-up |up )?(ip .*)")
_WORD = r"(<[^>]*>|\S+)"
_ADDRESS = re.compile(rf"ip addr(?:ess)? add {_WORD} (?:remote|peer) {_WORD} dev {_WORD}")
_LINK = re.compile(rf"ip link add (?:name |dev )?{_WORD} type vti local {_WORD} remote {_WORD}.*")
_MTU = re.compile(rf"ip link set (?:dev )?{_WORD} (?:up )?mtu {_WORD}(?: up)?")
_ROUTE = re.compile(rf"ip route add {_WORD} dev {_WORD}.*")

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
    """The connection of the document, whose conns are its tunnels; several when they lead to different networks."""
    return parse_conf(document, profile_of(document))


def parse_conf(document: Document, profile: Profile) -> list[Reading]:
    """The document's connections, to the cloud of this profile."""
    reader = _Reader(document, profile)
    for line in _joined(document.lines):
        reader.read(line)
    first, *others = reader.settle_conns()
    return [Reading(first, reader.findings, finish), *(Reading(draft, Findings(), finish) for draft in others)]


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

    def __init__(self, document: Document, profile: Profile) -> None:
        self.document = document
        announced = 2 if "consists of two tunnels" in document.text else None
        self.draft = ConnectionDraft(profile, never=_NEVER, empty_key=_EMPTY_KEY, announced=announced)
        self.findings = Findings()
        self._conns = Conns(self.draft, self.findings)
        self._in_section: str | None = None
        self._secrets: list[tuple[SecretLine, Line, TunnelDraft]] = []

    def read(self, line: Line) -> None:
        """One line: a conn, a setting in it, a header line, a command, or prose."""
        text = line.text
        if match := _CONN.fullmatch(text):
            self._conns.begin(match[1], self._place(line, text))
            self._in_section = "conn"
        elif _SECTION.fullmatch(text):
            self._in_section = text
        elif _COMMENTED_UPDOWN.fullmatch(text):
            self._read_updown(line)
        elif self._in_section and (match := _SETTING.fullmatch(text)):
            if self._in_section == "conn":
                self._conns.say(match[1].lower(), match[2], self._place(line, match[1]))
        elif text and (not text.startswith("#") or text.startswith("#!")):
            self._in_section = None
            self._read_elsewhere(line)

    def _place(self, line: Line, key: str) -> Place:
        return Place(self.document.path, line.number, key)

    def _warn(self, line: Line, message: str) -> None:
        self.findings.warnings.append(Notice(self._place(line, "").where, message))

    def _read_updown(self, line: Line) -> None:
        """Its arguments carry the inside addresses, in AWS's file behind a comment sign."""
        tunnel = self._tunnel(line, "")
        if tunnel is not None:
            networks = self._conns.networks_of(tunnel)
            read_updown(line.text, self._place(line, "leftupdown"), networks, tunnel, self.findings)

    def _read_elsewhere(self, line: Line) -> None:
        if parse_identifier(line, self.draft, self.document, self.findings):
            return
        if "$" not in line.text and (command := _COMMAND.fullmatch(line.text)):
            self._read_command(line, command[1])
        elif secret := match_secret(line.text):
            tunnel = self._tunnel(line, "")
            if tunnel is not None:
                self._secrets.append((secret, line, tunnel))
            return
        why = next((why for pattern, why in _IGNORED if pattern.fullmatch(line.text)), None)
        if why is not None:
            self.findings.ignored.append(Ignored(line.number, why))

    def _read_command(self, line: Line, text: str) -> None:
        """Commands say again what the conn says, and two things more: the MTU, and networks that someone filled in."""
        if (match := _ROUTE.fullmatch(text)) and (tunnel := self._tunnel(line, match[2])):
            networks = self._conns.networks_of(tunnel).networks
            parse_networks(match[1], self._place(line, "ip route add"), networks, self.findings)
        elif (match := _ADDRESS.fullmatch(text)) and (tunnel := self._tunnel(line, match[3])):
            say_inside(tunnel, match[1], self._place(line, "ip addr add"), self.findings)
            say_peer(tunnel, match[2], self._place(line, "ip addr add remote"), self.findings)
        elif (match := _LINK.fullmatch(text)) and (tunnel := self._tunnel(line, match[1])):
            place = self._place(line, "ip link add remote")
            tunnel.remote.say(parse_address(match[3], place, self.findings.faults), place)
        elif (match := _MTU.fullmatch(text)) and (tunnel := self._tunnel(line, match[1])):
            place = self._place(line, "ip link set mtu")
            tunnel.mtu.say(parse_number(match[2], place, self.findings.faults, 576, 1500), place)

    def settle_conns(self) -> list[ConnectionDraft]:
        """At the end: what conns inherit, which of them are tunnels of which connection, and whose the keys are."""
        self._conns.settle()
        for secret, line, tunnel in self._secrets:
            self._read_secret(secret, line, tunnel)
        return self._conns.connections()

    def _read_secret(self, secret: SecretLine, line: Line, latest: TunnelDraft) -> None:
        place, named = self._place(line, "PSK"), self._secret_of(secret.who, latest)
        who = [name for name in secret.who if not name.startswith("%")]
        if named is None and self.draft.id.place is None and len(self.draft.tunnels) > 1 and who:
            self.findings.ignored.append(Ignored(line.number, "a key for a peer that no conn here has"))
            return
        tunnel = named or latest
        self._say_selectors(tunnel, who, line)
        tunnel.psk.say(secret.parse_key(place, self.findings.faults, self.draft.profile), place)

    def _secret_of(self, who: tuple[str, ...], latest: TunnelDraft) -> TunnelDraft | None:
        """The tunnel whose ``right`` is among the selectors; with the same placeholder in several, the latest."""
        tunnels = [latest, *reversed(self.draft.tunnels)]
        return next((tunnel for tunnel in tunnels if tunnel.remote.written & set(who)), None)

    def _say_selectors(self, tunnel: TunnelDraft, who: list[str], line: Line) -> None:
        """AWS writes our address first, then its own; either order means the same to strongSwan."""
        if len(who) != 2:
            return
        ours, theirs = who if who[0] not in tunnel.remote.written else who[::-1]
        place = self._place(line, "PSK selectors")
        if not ours.startswith("@"):
            tunnel.public.say(parse_address(ours, place, self.findings.faults), place)
        tunnel.remote.say(parse_address(theirs, place, self.findings.faults), place)

    def _tunnel(self, line: Line, device: str) -> TunnelDraft | None:
        """The tunnel with the device's name, else the latest conn."""
        if not self.draft.tunnels:
            self._warn(line, "stands before any conn: not read")
            return None
        named = [tunnel for tunnel in self.draft.tunnels if tunnel.begin.key == f"conn {device}"]
        return named[-1] if named else self.draft.tunnels[-1]
