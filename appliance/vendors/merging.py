"""Several documents about one connection: drafts joined, so that what one leaves open another fills."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.model.fault import Notice
from appliance.vendors.draft import ConnectionDraft, Field, Reading, TunnelDraft

_CHOICES = frozenset(
    {"ike_version", "ike_proposals", "ike_lifetime", "esp_proposals", "esp_lifetime", "dpd_delay", "dpd_retries",
     "dpd_timeout", "mtu", "mss", "nat_t"}
)  # fmt: skip
"""What documents may say differently without one being wrong: each download has its own template. The first counts."""


def merge(readings: Iterable[Reading]) -> list[Reading]:
    """The readings, those about the same connection (by the cloud's id) as one. What must agree and does not becomes a
    fault when the joined draft is settled."""
    merged: list[Reading] = []
    for reading in readings:
        earlier = next(
            (known for known in merged if known.draft.id.every() and _same(known.draft, reading.draft)), None
        )
        if earlier is None:
            merged.append(reading)
        else:
            _join(earlier, reading)
    return merged


def _same(one: ConnectionDraft, other: ConnectionDraft) -> bool:
    return one.id.every() == other.id.every()


def _join(first: Reading, second: Reading) -> None:
    for name in ("faults", "missing", "warnings", "ignored"):
        getattr(first.findings, name).extend(getattr(second.findings, name))
    first.draft.never &= second.draft.never
    _join_fields(first.draft, second.draft, first)
    for tunnel in second.draft.tunnels:
        twin = next((known for known in first.draft.tunnels if _same_tunnel(known, tunnel)), None)
        if twin is None:
            first.draft.tunnels.append(tunnel)
        else:
            _join_fields(twin, tunnel, first)


def _same_tunnel(one: TunnelDraft, other: TunnelDraft) -> bool:
    """The gateway's outside address tells tunnels apart; where a document hides it, the inside address does."""
    return bool(
        set(one.remote.every()) & set(other.remote.every()) or set(one.inside.every()) & set(other.inside.every())
    )


def _join_fields(into: ConnectionDraft | TunnelDraft, other: ConnectionDraft | TunnelDraft, reading: Reading) -> None:
    for name, field in vars(into).items():
        if not isinstance(field, Field):
            continue
        further: Field[object] = getattr(other, name)
        if name in _CHOICES and field.every() and further.every():
            _note_difference(field, further, reading)
        else:
            field.join(further)


def _note_difference(field: Field[object], further: Field[object], reading: Reading) -> None:
    place, other = field.place, further.place
    if field.every() != further.every() and place and other:
        message = f"{other.key} is something else in {place.where}, which counts"
        reading.findings.warnings.append(Notice(other.where, message))
