"""What in a document is worth a warning: it stops nothing, but someone should know."""

from __future__ import annotations

from appliance.model.document import ReadConnection
from appliance.model.fault import Notice
from appliance.model.profile import Profile
from appliance.vendors.draft import ConnectionDraft
from appliance.vendors.values import Place

_UPGRADE = "accepts stronger ones (--crypto recommended)"


def remarks(connection: ReadConnection, draft: ConnectionDraft) -> list[Notice]:
    """Everything about the connection that someone should know."""
    return [*_tunnels(connection, draft), *_public(connection, draft), *_crypto(connection, draft)]


def _tunnels(connection: ReadConnection, draft: ConnectionDraft) -> list[Notice]:
    count, profile = len(connection.tunnels), draft.profile
    if count in (0, profile.tunnels):
        return []
    where = draft.tunnels[0].begin.where
    if count > profile.tunnels:
        return [Notice(where, f"{count} tunnels: a connection of {profile.title} has {profile.tunnels}")]
    trimmed = "; the document announces two, it may be cut short" if draft.announced == 2 else ""
    return [Notice(where, f"one tunnel only: no redundancy{trimmed}")]


def _public(connection: ReadConnection, draft: ConnectionDraft) -> list[Notice]:
    """Where all tunnels end at one customer gateway, it has one address."""
    if not draft.profile.one_customer_gateway:
        return []
    places = {
        tunnel.public: origin.public.place for tunnel, origin in zip(connection.tunnels, draft.tunnels, strict=True)
    }
    known = [(address, place) for address, place in places.items() if address is not None and place is not None]
    if len(known) < 2:
        return []
    addresses = " and ".join(str(address) for address, _ in known)
    one = f"a connection of {draft.profile.title} has one customer gateway"
    return [Notice(known[-1][1].where, f"two addresses of ours, {addresses}: {one}")]


def _crypto(connection: ReadConnection, draft: ConnectionDraft) -> list[Notice]:
    """One notice for each thing that is weak, naming every line that says it."""
    found: dict[str, list[Place | None]] = {}
    for tunnel, origin in zip(connection.tunnels, draft.tunnels, strict=True):
        if tunnel.ike.version == 1:
            text = f"IKEv1: deprecated (RFC 9395); {draft.profile.title} also speaks IKEv2"
            found.setdefault(text, []).append(origin.ike_version.place)
        for phase, proposals, field in (
            ("IKE", tunnel.ike.proposals, origin.ike_proposals),
            ("ESP", tunnel.esp.proposals, origin.esp_proposals),
        ):
            for text in _weak(phase, proposals, draft.profile):
                found.setdefault(text, []).append(field.place)
    return [Notice(_lines(places), text) for text, places in found.items()]


def _weak(phase: str, proposals: tuple[str, ...], profile: Profile) -> list[str]:
    words = {
        proposal: [w for w in proposal.split("-") if w.removeprefix("prf") in profile.weak] for proposal in proposals
    }
    weak = [
        f"{phase} {proposal}: {' and '.join(w)} weak; {profile.title} {_UPGRADE}" for proposal, w in words.items() if w
    ]
    bare = [proposal for proposal in proposals if not profile.esp.groups & set(proposal.split("-"))]
    return weak + [
        f"{phase} {proposal}: no PFS group; the first rekey that {profile.title} starts with one would be refused"
        for proposal in bare
    ]


def _lines(places: list[Place | None]) -> str:
    """Where the places are, by file."""
    by_file: dict[str, set[int]] = {}
    for place in places:
        if place is not None:
            by_file.setdefault(place.file, set()).add(place.line)
    return "; ".join(
        f"{file}, line{'s' if len(lines) > 1 else ''} {', '.join(map(str, sorted(lines)))}"
        for file, lines in by_file.items()
    )
