"""Why a BGP session does not come up or brings no routes, read from what FRR says of it over some seconds.

One look is not enough: two ends that refuse each other also collide, and the collision's notification then hides the
reason until the next attempt. ``tests/frr/recorded`` holds each failure as two real FRRs produced it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from appliance.model.finding import Finding
from appliance.model.peering import Neighbor
from appliance.model.session import BgpSession, FilteredPath, Notification

_COLLISION = (6, 7)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A neighbour as we want it, the session as it is now, and the reason it was last refused or reset for."""

    neighbor: Neighbor
    now: BgpSession
    said: BgpSession | None = None
    kept_out: Sequence[FilteredPath] = ()

    @property
    def peer(self) -> str:
        return str(self.neighbor.address)

    @property
    def notification(self) -> Notification | None:
        return self.said.notification if self.said else None

    def was_told(self, code: int, subcode: int | None = None, *, sent: bool = False) -> bool:
        """Whether the reason is this notification (RFC 4271, section 4.5), received or else ``sent`` by us."""
        note = self.notification
        return note is not None and (note.sent, note.code) == (sent, code) and subcode in (None, note.subcode)


def judge_session(
    neighbor: Neighbor, history: Sequence[BgpSession], kept_out: Sequence[FilteredPath] = ()
) -> Finding | None:
    """What is wrong with the session, or None. ``history`` is what was seen of it, oldest first; ``kept_out`` what
    our policy refused of the peer's prefixes."""
    if not history:
        return _finding(
            Case(neighbor, BgpSession(neighbor.address, "idle", neighbor.peer_asn, 0)),
            "not-configured", f"FRR knows no BGP session with {neighbor.address}",
            "apply the intent again: somebody else took it out",
        )  # fmt: skip
    now = history[-1]
    rules = _UP if now.up else _DOWN
    case = Case(neighbor, now, None if now.up else _reason(history), kept_out)
    return next(filter(None, (rule(case) for rule in rules)), None)


def _reason(history: Sequence[BgpSession]) -> BgpSession | None:
    """The newest look since the session was last up that tells a reason beyond a collision of two calls."""
    since_up = list(takewhile(lambda session: not session.up, reversed(history)))
    telling = [session for session in since_up if session.last_error and not _collided(session.notification)]
    heard = [session for session in since_up if session.heard_asn]
    return next(iter(heard + telling), None)


def _collided(note: Notification | None) -> bool:
    return note is not None and (note.code, note.subcode) == _COLLISION


def _finding(case: Case, code: str, message: str, remedy: str, layer: str = "bgp") -> Finding:
    return Finding(layer, code, case.neighbor.tunnel, message, remedy)


def _wrong_peer_asn(case: Case) -> Finding | None:
    heard = case.said.heard_asn if case.said else None
    if heard is None or heard == case.neighbor.peer_asn:
        return None
    return _finding(
        case, "wrong-peer-asn", f"{case.peer} is AS {heard}, but peer-asn says {case.neighbor.peer_asn}",
        f"set the connection's peer-asn to {heard}",
    )  # fmt: skip


def _wrong_own_asn(case: Case) -> Finding | None:
    """The far end does not tell which number it expects; ours is all that there is to compare."""
    if not case.was_told(2, 2):
        return None
    return _finding(
        case, "wrong-own-asn", f"{case.peer} does not know us as AS {case.now.our_asn} (OPEN refused: Bad Peer AS)",
        "set the connection's asn to the one that the cloud's customer gateway was made with",
    )  # fmt: skip


def _identifier(case: Case) -> Finding | None:
    if not (case.was_told(2, 3) or case.was_told(2, 3, sent=True)):
        return None
    return _finding(
        case, "router-id", f"{case.peer} and we call ourselves by the same router id, or by none that is valid",
        "set site.router-id to an address of ours that nobody else uses",
    )  # fmt: skip


def _hold_time(case: Case) -> Finding | None:
    if not (case.was_told(2, 6) or case.was_told(2, 6, sent=True)):
        return None
    return _finding(
        case, "hold-time", f"{case.peer} and we do not agree on a hold time ({case.neighbor.hold} s is ours)",
        "set the connection's bgp.timers to what the cloud asks for",
    )  # fmt: skip


def _hold_timer(case: Case) -> Finding | None:
    if not (case.was_told(4) or case.was_told(4, sent=True)):
        return None
    deaf = "it heard nothing from us" if case.was_told(4) else "we heard nothing from it"
    return _finding(
        case, "hold-timer", f"the session with {case.peer} ended because {deaf} for {case.now.hold} s",
        "see whether the tunnel carries packets both ways: its SAs' counters, then the firewall before it",
    )  # fmt: skip


def _too_many(case: Case) -> Finding | None:
    """RFC 4486, section 4: maximum number of prefixes reached."""
    if not case.was_told(6, 1):
        return None
    return _finding(
        case, "too-many-prefixes", f"{case.peer} ended the session: we announce more prefixes than it takes",
        "announce fewer, or a summary (the connection's announce.networks)",
    )  # fmt: skip


_CEASE = {
    2: ("peer-shutdown", "is shut down by its operator"),
    3: ("peer-deconfigured", "does not have us as a peer any more"),
    4: ("peer-reset", "was reset by its operator"),
    5: ("peer-rejects", "does not have us as a peer"),
    6: ("peer-reset", "is being configured"),
    8: ("peer-resources", "is out of resources"),
    9: ("peer-reset", "was reset"),
    10: ("peer-bfd", "lost us by BFD"),
}
"""RFC 4486, section 4; RFC 8538, section 3; RFC 9384."""


def _cease(case: Case) -> Finding | None:
    note = case.notification
    if note is None or note.sent or note.code != 6:
        return None
    code, what = _CEASE.get(note.subcode, ("peer-ended", "ended the session"))
    return _finding(
        case, code, f"{case.peer} {what}: {note.text}",
        "look at the cloud's side of this tunnel: its state, and the inside address and AS number it has for us",
    )  # fmt: skip


def _other_notification(case: Case) -> Finding | None:
    note = case.notification
    if note is None:
        return None
    who = f"we refused {case.peer}" if note.sent else f"{case.peer} refused us"
    return _finding(
        case, "notification", f"{who}: {note.text} (BGP notification {note.code}/{note.subcode})",
        "compare the session's settings on both sides; FRR's log has the message itself",
    )  # fmt: skip


def _no_route(case: Case) -> Finding | None:
    """FRR says so only as long as it is so."""
    if case.now.last_error != "No path to specified Neighbor":
        return None
    return _finding(
        case, "no-route", f"there is no route to {case.peer}: the tunnel's interface is down or lacks its address",
        "see plan for what is missing on this machine, and apply",
    )  # fmt: skip


def _no_tcp(case: Case) -> Finding | None:
    """FRR waits in Connect while nothing comes back, and falls to Active at once when the call is refused."""
    again = " any more" if case.now.established_count else ""
    how = "does not answer" if case.now.state == "connect" else "takes no call"
    ended = f" ({case.said.last_error})" if case.said and case.now.established_count else ""
    return _finding(
        case, "no-tcp", f"{case.peer} {how} on TCP port 179{again}{ended}",
        "the tunnel is up only if its SAs count packets both ways; then see that the inside addresses are not swapped "
        "and that the cloud runs BGP on this tunnel",
    )  # fmt: skip


def _nothing_received(case: Case) -> Finding | None:
    if case.now.received:
        return None
    return _finding(
        case, "no-prefix", f"the session with {case.peer} is up, but it announces no prefix",
        "attach the gateway to the network behind it and let that network's routes propagate to the gateway",
        layer="routes",
    )  # fmt: skip


def _all_kept_out(case: Case) -> Finding | None:
    if case.now.accepted or not case.now.received:
        return None
    shown = "; ".join(f"{path.prefix} by «{path.rule}»" for path in case.kept_out[:_SHOWN])
    more = f" and {len(case.kept_out) - _SHOWN} more" if len(case.kept_out) > _SHOWN else ""
    told = f": {shown}{more}" if shown else ""
    return _finding(
        case, "all-filtered", f"all {case.now.received} prefixes from {case.peer} are kept out by our policy{told}",
        _wider(case.kept_out), layer="routes",
    )  # fmt: skip


def _wider(kept_out: Iterable[FilteredPath]) -> str:
    """Which setting would let them in. What a deny of ours names is ours or never routed, so it should stay out."""
    paths = list(kept_out)
    if paths and all(path.prefix.prefixlen == 0 for path in paths):
        return "set the connection's accept.default-route to true if the cloud is to carry everything"
    if paths and all(path.rule != "deny any" for path in paths):
        return "have the cloud announce its own networks: these are ours, or never routed"
    return "widen the connection's networks or accept.max-length, or have the cloud announce others"


_UP: tuple[Callable[[Case], Finding | None], ...] = (_nothing_received, _all_kept_out)
_DOWN: tuple[Callable[[Case], Finding | None], ...] = (
    _no_route,
    _wrong_peer_asn,
    _wrong_own_asn,
    _identifier,
    _hold_time,
    _hold_timer,
    _too_many,
    _cease,
    _other_notification,
    _no_tcp,
)
"""In order of how much they explain."""
