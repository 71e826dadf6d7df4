"""What stands beside a swanctl.conf: the XFRM interfaces' addresses (``ip address add``) and FRR's neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.model.address import IPAddress
from appliance.model.document import Ignored
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.text import Document, Line
from appliance.vendors.tree import Node
from appliance.vendors.values import Place, Placeholder, parse_address, parse_asn, parse_interface, parse_number

_LINK = re.compile(r"(?:sudo )?ip link add (?:name |dev )?(\S+) type xfrm\b.*?\bif_id (\w+)")
_ADDRESS = re.compile(r"(?:sudo )?ip addr(?:ess)? add (\S+)(?: (?:peer|remote) (\S+))? dev (\S+)")
_ROUTER = re.compile(r"router bgp (\S+)")
_NEIGHBOUR = re.compile(r"neighbor (\S+) remote-as (\S+)")
_TIMERS = re.compile(r"neighbor (\S+) timers (\S+) (\S+)")
_BESIDE = re.compile(r"(sudo )?(ip (link|route)|iptables|sysctl) .*")


def read_routing(document: Document, sections: Sequence[Node], draft: ConnectionDraft, findings: Findings) -> None:
    """Take over addresses by the interface that a tunnel is bound to, and neighbours by the network they are in."""
    reader = _Reader(document, draft, findings)
    for section, tunnel in zip(sections, draft.tunnels, strict=True):
        reader.bind(section, tunnel)
    for read in (reader.read_link, reader.read_address, reader.read_neighbour):
        for line in document.lines:
            read(line)


class _Reader:
    def __init__(self, document: Document, draft: ConnectionDraft, findings: Findings) -> None:
        self.document = document
        self.draft = draft
        self.findings = findings
        self._by_number: dict[int, TunnelDraft] = {}
        self._by_link: dict[str, TunnelDraft] = {}

    def bind(self, section: Node, tunnel: TunnelDraft) -> None:
        """The interface's number stands in the connection or in its child."""
        for node in section.walk():
            if node.key.endswith(("if_id_in", "if_id_out")) and (number := _number(node.text or "")) is not None:
                self._by_number.setdefault(number, tunnel)

    def _place(self, line: Line, key: str) -> Place:
        return Place(self.document.path, line.number, key)

    def read_link(self, line: Line) -> None:
        """Which interface has which number."""
        match = _LINK.match(line.text)
        if match and (tunnel := self._by_number.get(_number(match[2]) or 0)):
            self._by_link[match[1]] = tunnel
        if _BESIDE.match(line.text):
            self.findings.ignored.append(Ignored(line.number, "a command: the appliance does this itself"))

    def read_address(self, line: Line) -> None:
        """Our inside address, and the cloud's where the command names it; else the other host of a /30."""
        match = _ADDRESS.match(line.text)
        tunnel = self._by_link.get(match[3]) if match else None
        if match is None or tunnel is None:
            return
        place, faults = self._place(line, "ip address add"), self.findings.faults
        inside = parse_interface(match[1], place, faults)
        tunnel.inside.say(inside, place)
        if match[2]:
            tunnel.peer_inside.say(parse_address(re.sub(r"/\d+$", "", match[2]), place, faults), place)
        elif inside is not None and not isinstance(inside, Placeholder) and inside.network.num_addresses == 4:
            other = [host for host in inside.network.hosts() if host != inside.ip]
            if len(other) == 1:
                tunnel.peer_inside.say(other[0], place)

    def read_neighbour(self, line: Line) -> None:
        """FRR's AS numbers, neighbours and timers."""
        faults = self.findings.faults
        if match := _ROUTER.match(line.text):
            place = self._place(line, "router bgp")
            self.draft.asn.say(parse_asn(match[1], place, faults), place)
            self.draft.mode.say("bgp", place)
        elif match := _NEIGHBOUR.match(line.text):
            place = self._place(line, "neighbor remote-as")
            address = parse_address(match[1], place, faults)
            tunnel = self._tunnel_at(address)
            if tunnel is not None:
                tunnel.peer_inside.say(address, place)
                self.draft.peer_asn.say(parse_asn(match[2], place, faults), place)
        elif match := _TIMERS.match(line.text):
            place = self._place(line, "neighbor timers")
            if self._tunnel_at(parse_address(match[1], place, faults)) is not None:
                self.draft.hold_time.say(parse_number(match[3], place, faults, 0, 65535), place)

    def _tunnel_at(self, address: IPAddress | Placeholder | None) -> TunnelDraft | None:
        """The tunnel in whose inside network the address is."""
        if address is None or isinstance(address, Placeholder):
            return None
        return next(
            (each for each in self.draft.tunnels if any(address in i.network for i in each.inside.every())), None
        )


def _number(text: str) -> int | None:
    try:
        return int(text, 0)
    except ValueError:
        return None
