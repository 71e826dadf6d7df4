"""Several documents about one connection: drafts joined, so that what one leaves open another fills."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.model.address import IPAddress
from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.profiles.generic import GENERIC
from appliance.vendors.draft import ConnectionDraft, Field, Reading, TunnelDraft

_CHOICES = frozenset(
    {"ike_version", "ike_proposals", "ike_lifetime", "esp_proposals", "esp_lifetime", "dpd_delay", "dpd_retries",
     "dpd_timeout", "mtu", "mss", "nat_t"}
)  # fmt: skip
"""What documents may say differently without one being wrong: each download has its own template. The first counts,
unless it is a template and the other is none."""


def merge(readings: Iterable[Reading]) -> list[Reading]:
    """The readings, those about the same connection as one: by the cloud's id, or where a document has none by the
    gateways' outside addresses. What must agree and does not becomes a fault when the joined draft is settled."""
    merged: list[Reading] = []
    fragments: list[Reading] = []
    known: dict[object, dict[int, Reading]] = {}
    for reading in readings:
        if reading.draft.is_fragment:
            fragments.append(reading)
            continue
        marks = {*reading.draft.id.every(), *_remotes(reading.draft)}
        likely = {at: found for mark in marks for at, found in known.get(mark, {}).items()}
        turn = next((at for at in sorted(likely) if _agree(likely[at].draft, reading.draft)), len(merged))
        if turn == len(merged):
            merged.append(reading)
        else:
            _join(merged[turn], reading)
        for mark in marks:
            known.setdefault(mark, {})[turn] = merged[turn]
    return _with_fragments(merged, fragments)


def _same(one: ConnectionDraft, other: ConnectionDraft) -> bool:
    if one.id.every() and other.id.every():
        return one.id.every() == other.id.every()
    return not _remotes(one).isdisjoint(_remotes(other))


def _agree(one: ConnectionDraft, other: ConnectionDraft) -> bool:
    """Whether two that share an id or an outside address are the same."""
    return not (one.id.every() and other.id.every()) or one.id.every() == other.id.every()


def _remotes(draft: ConnectionDraft) -> set[IPAddress]:
    return {address for tunnel in draft.tunnels for address in tunnel.remote.every()}


def _with_fragments(merged: list[Reading], fragments: list[Reading]) -> list[Reading]:
    """Each fragment (an ipsec.secrets' line) in the connection whose tunnel it speaks of; with no connection at all,
    the fragments are one."""
    for fragment in fragments:
        _turn(fragment.draft, {address for known in merged for address in _remotes(known.draft)})
        owner = next((known for known in merged if _same(known.draft, fragment.draft)), None)
        if owner is None and merged and not merged[0].draft.is_fragment:
            fragment.findings.ignored += [
                Ignored(tunnel.begin.line, "of a peer that no document here has") for tunnel in fragment.draft.tunnels
            ]
            merged[0].findings.ignored += fragment.findings.ignored
            merged[0].findings.faults += fragment.findings.faults
        elif owner is None and not merged:
            merged.append(fragment)
        else:
            _join(owner or merged[0], fragment)
    return merged


def _turn(draft: ConnectionDraft, remotes: set[IPAddress]) -> None:
    """A pair of addresses may name the gateway first."""
    for tunnel in draft.tunnels:
        if not remotes.isdisjoint(tunnel.public.every()) and remotes.isdisjoint(tunnel.remote.every()):
            tunnel.public, tunnel.remote = tunnel.remote, tunnel.public


def _join(first: Reading, second: Reading) -> None:
    for name in ("faults", "missing", "warnings", "ignored"):
        getattr(first.findings, name).extend(getattr(second.findings, name))
    first.draft.never &= second.draft.never
    if first.draft.profile is GENERIC:
        first.draft.profile = second.draft.profile  # one document knows the cloud, the other is a device's
    newer = first.draft.is_template and not second.draft.is_template
    first.draft.is_template &= second.draft.is_template
    _join_fields(first.draft, second.draft, first)
    for tunnel in second.draft.tunnels:
        twin = next((known for known in first.draft.tunnels if _same_tunnel(known, tunnel)), None)
        if twin is None:
            first.draft.tunnels.append(tunnel)
        else:
            _join_fields(twin, tunnel, first, newer_counts=newer)


def _same_tunnel(one: TunnelDraft, other: TunnelDraft) -> bool:
    """The gateway's outside address tells tunnels apart; where a document hides it, the inside address does."""
    return bool(
        set(one.remote.every()) & set(other.remote.every()) or set(one.inside.every()) & set(other.inside.every())
    )


def _join_fields(
    into: ConnectionDraft | TunnelDraft,
    other: ConnectionDraft | TunnelDraft,
    reading: Reading,
    newer_counts: bool = False,
) -> None:
    for name, field in vars(into).items():
        if not isinstance(field, Field):
            continue
        further: Field[object] = getattr(other, name)
        if name in _CHOICES and field.every() and further.every():
            counts, ignored = (further, field) if newer_counts else (field, further)
            _note_difference(counts, ignored, reading)
            setattr(into, name, counts)
        else:
            field.join(further)


def _note_difference(counts: Field[object], ignored: Field[object], reading: Reading) -> None:
    place, other = counts.place, ignored.place
    if counts.every() != ignored.every() and place and other:
        message = f"{other.key} is something else in {place.where}, which counts"
        reading.findings.warnings.append(Notice(other.where, message))
