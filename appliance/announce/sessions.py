"""What becomes of each session by what ExaBGP says of it: the same nouns as from any other speaker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from appliance.model.address import IPAddress
from appliance.model.bgp import Notified, Opened, StateChange
from appliance.model.peering import SHUT, BgpRouter, Neighbor
from appliance.model.session import BgpSession, Notification

WORDS = {"connected": "opensent", "up": "established", "down": "active"}
"""ExaBGP's words for a session, in everybody's."""

_CODES = {
    1: ("Message Header Error", {}),
    2: (
        "OPEN Message Error",
        {1: "Unsupported Version", 2: "Bad Peer AS", 3: "Bad BGP Identifier", 6: "Unacceptable Hold Time"},
    ),
    3: ("UPDATE Message Error", {}),
    4: ("Hold Timer Expired", {}),
    5: ("Finite State Machine Error", {}),
    6: (
        "Cease",
        {
            1: "Maximum Number of Prefixes Reached", 2: "Administrative Shutdown", 3: "Peer De-configured",
            4: "Administrative Reset", 5: "Connection Rejected", 6: "Other Configuration Change",
            7: "Connection Collision Resolution", 8: "Out of Resources",
        },
    ),
}  # fmt: skip
"""RFC 4271, section 4.5, and RFC 4486."""


@dataclass(slots=True)
class Line:
    """One neighbour: how its session stands and what is remembered of it. ``restart_s`` is the neighbour's own."""

    neighbor: Neighbor
    session: BgpSession
    restart_s: int | None = None
    notified: bool = False


class Sessions:
    """Every session of the embedded speaker."""

    def __init__(self) -> None:
        self._lines: dict[IPAddress, Line] = {}
        self._router_id = ""

    def follow(self, router: BgpRouter) -> tuple[IPAddress, ...]:
        """These neighbours are to be held. Those whose session was up and is to be another. One that is shut, or no
        longer, is what ExaBGP says of it: the word of that may be taken back before it came to him."""
        self._router_id = str(router.router_id)
        kept = {neighbor.address: neighbor for neighbor in router.neighbors}
        self._lines = {address: line for address, line in self._lines.items() if address in kept}
        other = []
        for address, neighbor in kept.items():
            line = self._lines.get(address)
            if line is None or _numbers(line.neighbor) != _numbers(neighbor):
                other += [address] if line is not None and line.session.up else []
                self._lines[address] = Line(neighbor, _begun(neighbor, router))
                continue
            was, line.neighbor = line.neighbor, neighbor
            if line.session.state in IDLE and _resting(was) != _resting(neighbor):
                line.session = replace(line.session, state=_resting(neighbor))
        return tuple(other)

    @property
    def up(self) -> frozenset[IPAddress]:
        """The neighbours that routes are exchanged with now."""
        return frozenset(address for address, line in self._lines.items() if line.session.up)

    @property
    def neighbors(self) -> tuple[Neighbor, ...]:
        """All of them."""
        return tuple(line.neighbor for line in self._lines.values())

    def neighbor(self, address: IPAddress) -> Neighbor | None:
        """One of them."""
        line = self._lines.get(address)
        return line.neighbor if line else None

    def all(self) -> tuple[BgpSession, ...]:
        """By address."""
        lines = sorted(self._lines.items(), key=lambda item: (item[0].version, int(item[0])))
        return tuple(line.session for _, line in lines)

    def changed(self, message: StateChange, at: datetime) -> bool:
        """Take in a new state. Whether a session that was up is lost."""
        line = self._lines.get(message.neighbor)
        if line is None:
            return False
        was, state = line.session, WORDS.get(message.state, "active")
        if state == "established":
            line.notified = False
            line.session = replace(was, state=state, since=at, established_count=was.established_count + 1,
                                   last_error=None, notification=None, heard_asn=None)  # fmt: skip
        elif state == "active":
            said = was.last_error if line.notified else _lost(message.reason) or was.last_error
            resets = was.resets + was.up
            line.session = replace(
                was, state=_resting(line.neighbor), since=None, advertised=0, last_error=said, resets=resets
            )
        else:
            line.session = replace(was, state=state, since=None)
        return was.up and state != "established"

    def opened(self, message: Opened) -> str | None:
        """Take in a neighbour's OPEN. A sentence when it is somebody else than expected (RFC 4271, section 6.2), or has
        something that people look for long."""
        line = self._lines.get(message.neighbor)
        if line is None:
            return None
        line.restart_s = message.restart_s
        hold = min(line.neighbor.hold, message.hold)
        wrong = message.asn != line.neighbor.peer_asn
        line.session = replace(
            line.session,
            hold=hold,
            keepalive=hold // 3,  # RFC 4271, section 10; ExaBGP knows no other
            opens_received=line.session.opens_received + 1,
            heard_asn=message.asn if wrong else None,
        )
        if wrong:
            return f"it is AS {message.asn}, not {line.neighbor.peer_asn}"
        if message.router_id == self._router_id:
            return f"it has our own identifier, {message.router_id}, which only another AS may (RFC 6286)"
        return None if message.four_octets else "it is of the time before AS numbers beyond 65535 (RFC 6793)"

    def notified(self, message: Notified) -> str | None:
        """Take in a NOTIFICATION; its sentence when it is news."""
        line = self._lines.get(message.neighbor)
        if line is None:
            return None
        note = Notification(message.sent, message.code, message.subcode, _text(message))
        known = line.session.notification == note
        line.session = replace(line.session, last_error=note.sentence, notification=note)
        line.notified = True
        return None if known else note.sentence

    def restarts_gracefully(self, address: IPAddress) -> int:
        """For how many seconds what this neighbour brought is kept after its session went without a word (RFC 4724,
        section 4.2); 0: it is not, for it ended the session with a NOTIFICATION, or has no graceful restart."""
        line = self._lines.get(address)
        return 0 if line is None or line.notified or not line.restart_s else line.restart_s

    def ended(self) -> None:
        """The speaker itself is gone."""
        for line in self._lines.values():
            line.session = replace(line.session, state="idle", since=None, advertised=0)


def _numbers(neighbor: Neighbor) -> tuple[object, ...]:
    """What makes another session of it."""
    return neighbor.peer_asn, neighbor.local_asn, neighbor.local_address, neighbor.hold


IDLE = ("idle", "active")


def _resting(neighbor: Neighbor) -> str:
    """Where no session is, nor comes about at the moment."""
    return "idle" if neighbor.stance == SHUT else "active"


def _begun(neighbor: Neighbor, router: BgpRouter) -> BgpSession:
    return BgpSession(
        address=neighbor.address,
        state=_resting(neighbor),
        peer_asn=neighbor.peer_asn,
        our_asn=neighbor.local_asn or router.asn,
        local_address=neighbor.local_address,
        hold=neighbor.hold,
        keepalive=neighbor.hold // 3,
    )


def _lost(reason: str) -> str | None:
    """ExaBGP's reason, without what says no more than that we ended it ourselves."""
    return None if not reason or reason.startswith("stop, message") else reason


def _text(message: Notified) -> str:
    name, subs = _CODES.get(message.code, (f"code {message.code}", {}))
    sub = subs.get(message.subcode, f"subcode {message.subcode}" if message.subcode else "")
    return f"{name}/{sub}" if sub else name
