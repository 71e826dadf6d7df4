"""A device's things made into a connection: from each tunnel along what it refers to, then the BGP sessions inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from appliance.model.fault import Fault
from appliance.vendors.aws.header import parse_identifier
from appliance.vendors.device.cloud import CONNECTION_ID, profile_of
from appliance.vendors.device.fields import READERS, address_of
from appliance.vendors.device.routing import Tunnels, read_routing
from appliance.vendors.device.rules import Fact, Rules, Thing, Things
from appliance.vendors.device.statements import Statement
from appliance.vendors.device.suites import say_proposals
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.settling import finish
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, parse_interface

_NEVER: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Device:
    """What a device is like: its rules; ``roots``, the kinds of things that are tunnels, the surest first (one that a
    surer one refers to is no tunnel more); ``shared``, kinds that hold for all tunnels of their section, or only for
    those ``with @key`` or ``without @key``; ``kin``, kinds that belong to a thing because they have its name;
    ``pfs_holder``, the kind that would name ESP's group, so that its silence means none; ``version_holder``, the kind
    that would name IKE's version, so that its silence means 1; ``never``, the fields that it has no place for."""

    rules: Rules
    roots: tuple[str, ...]
    shared: dict[str, str] = field(default_factory=dict)
    kin: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pfs_holder: str = ""
    version_holder: str = ""
    never: frozenset[str] = _NEVER


def read_device(document: Document, statements: Sequence[Statement], device: Device) -> list[Reading]:
    """The document's connections: those whose identifiers the names of its tunnels' things have, else one, perhaps
    without tunnels."""
    findings = Findings()
    things = device.rules.read(statements, document.path, findings)
    groups = _by_connection(_closures(things, device))
    last = max((statement.line for statement in statements), default=0)
    if len(groups) == 1:
        ((_, closures),) = groups.items()
        reader = _Reader(document, device, things, last, findings)
        _read_header(document, reader.draft, findings)
        return [reader.read(closures)]
    made: list[Reading] = []
    for identifier, closures in groups.items():
        reader = _Reader(document, device, things, last, findings if not made else Findings())
        if identifier is not None:
            place = closures[0][0].facts[0].place
            reader.draft.id.say(identifier, Place(place.file, place.line, "a name"))
        made.append(reader.read(closures))
    return made


def _by_connection(closures: list[list[Thing]]) -> dict[str | None, list[list[Thing]]]:
    """The tunnels by the identifier in their names; those without one with the first."""
    found: dict[str | None, list[list[Thing]]] = {}
    for closure in closures:
        names = [match[0] for thing in closure for match in [CONNECTION_ID.search(thing.name)] if match]
        found.setdefault(names[0] if names else next(iter(found), None), []).append(closure)
    return found or {None: []}


class _Reader:
    """Makes one connection of some of the tunnels."""

    def __init__(self, document: Document, device: Device, things: Things, last: int, findings: Findings) -> None:
        announced = 2 if re.search(r"(?i)consists of two tunnels", document.text) else None
        self.draft = ConnectionDraft(profile_of(document), never=device.never, announced=announced)
        self.findings = findings
        self._device = device
        self._things = things
        self._last = last

    def read(self, closures: list[list[Thing]]) -> Reading:
        """The connection whose tunnels are these."""
        faults = self.findings.faults
        tunnels: Tunnels = []
        for closure in closures:
            tunnel = self.draft.begin_tunnel(closure[0].facts[0].place)
            _read_tunnel(tunnel, closure, faults, _lacks_pfs(closure, self._device, self._last))
            if tunnel.remote.place is None and not tunnel.remote.is_faulty:
                READERS["remote"](tunnel, closure[0].name, closure[0].facts[0].place, faults)
            _say_first_version(tunnel, closure, self._device)
            tunnels.append((tunnel, closure))
        read_routing(self._things, tunnels, self.draft, self.findings)
        _say_first_hosts(self.draft)
        faults[:] = dict.fromkeys(faults)
        return Reading(self.draft, self.findings, finish)


def _read_header(document: Document, draft: ConnectionDraft, findings: Findings) -> None:
    """The header's identifiers; without a header the connection's, of which AWS makes all names."""
    for line in document.lines:
        if "our " in line.text and re.match(r"[!#* ]*Your \w", line.text):
            parse_identifier(Line(line.number, line.text.lstrip("!#* ")), draft, document, findings)
    if draft.id.place is not None:
        return
    found = [(match[0], line.number) for line in document.lines for match in CONNECTION_ID.finditer(line.text)]
    if len({name for name, _ in found}) == 1:
        draft.id.say(found[0][0], Place(document.path, found[0][1], "a name"))


def _closures(things: Things, device: Device) -> list[list[Thing]]:
    """For each tunnel its thing and all that it refers to, in the document's order of the tunnels."""
    found: list[list[Thing]] = []
    reached: set[int] = set()
    known = _aliased(things)
    for kind in device.roots:
        for thing in [thing for thing in things.values() if thing.kind == kind and id(thing) not in reached]:
            closure = _closure(thing, known, device)
            if any(each.said("remote") for each in closure) or _is_address(thing.name):
                reached |= {id(each) for each in closure}
                found.append(closure + _shared(closure, things, device))
    return sorted(found, key=lambda closure: min(f.place.line for f in closure[0].facts))


def _is_address(name: str) -> bool:
    """Whether a tunnel's name is the gateway's address, or stands for it (``<ADDRESS>``, ``198.51.x.x``)."""
    return address_of(name) is not None or bool(re.fullmatch(r"<[^<>]+>|\$\{?\w+\}?|[\dxX*]+(\.[\dxX*]+){3}", name))


def _closure(thing: Thing, known: dict[tuple[str, str], list[Thing]], device: Device) -> list[Thing]:
    found, waiting = {id(thing): thing}, [thing]
    while waiting:
        each = waiting.pop(0)
        ways = [(fact.key[1:], fact.text) for fact in each.facts if fact.key.startswith("@")]
        ways += [(kind, each.name) for kind in device.kin.get(each.kind, ())]
        for further in (further for way in ways for further in known.get(way, ())):
            if id(further) not in found:
                found[id(further)] = further
                waiting.append(further)
    return list(found.values())


def _aliased(things: Things) -> dict[tuple[str, str], list[Thing]]:
    """Things by kind and name, and by what they say themselves that they belong to (``alias``)."""
    known = {way: [thing] for way, thing in things.items()}
    for thing in things.values():
        for fact in thing.said("alias"):
            known.setdefault((thing.kind, fact.text), []).append(thing)
    return known


def _shared(closure: list[Thing], things: Things, device: Device) -> list[Thing]:
    """What holds for all tunnels: where it stands in the tunnels' sections, only for its own."""
    keys = {fact.key for thing in closure for fact in thing.facts}
    kinds = {
        kind for kind, rule in device.shared.items() if not rule or (rule.split()[1] in keys) == (rule[:5] == "with ")
    }
    shared = [thing for thing in things.values() if thing.kind in kinds]
    section = closure[0].section
    own = [thing for thing in shared if thing.section == section]
    return [thing for thing in shared if thing.section == 0 or thing in own or not own]


def _lacks_pfs(closure: Iterable[Thing], device: Device, last: int) -> bool:
    """Whether the thing that would name a group is there and at its end."""
    holders = [thing for thing in closure if thing.kind == device.pfs_holder]
    return any(max(fact.place.line for fact in thing.facts) < last for thing in holders)


def _say_first_hosts(draft: ConnectionDraft) -> None:
    """Where the cloud always has the first host, and no session says so, the network does."""
    for tunnel in draft.tunnels if draft.profile.peer_is_first_host else ():
        place = tunnel.inside.place
        if place is not None and tunnel.peer_inside.place is None and not tunnel.peer_inside.is_faulty:
            for inside in tunnel.inside.every():
                tunnel.peer_inside.say(inside.network[min(1, inside.network.num_addresses - 1)], place)


def _say_first_version(tunnel: TunnelDraft, closure: Sequence[Thing], device: Device) -> None:
    """Version 1 where the holder stands above what refers to it and has named none, or a command is of one version."""
    implied = [fact for thing in closure for fact in thing.said("implied_version")]
    if implied and tunnel.ike_version.place is None and not tunnel.ike_version.is_faulty:
        READERS["version"](tunnel, implied[0].text, implied[0].place, [])
    for holder in (thing for thing in closure if thing.kind == device.version_holder):
        ways = [fact for thing in closure for fact in thing.said(f"@{holder.kind}") if fact.text == holder.name]
        later = next((fact for fact in ways if fact.place.line > holder.facts[0].place.line), None)
        if later is not None and tunnel.ike_version.place is None and not tunnel.ike_version.is_faulty:
            tunnel.ike_version.say(1, later.place)


def _read_tunnel(tunnel: TunnelDraft, closure: Sequence[Thing], faults: list[Fault], lacks_pfs: bool) -> None:
    negotiated = _negotiated(closure)
    for thing in closure:
        for fact in thing.facts:
            if fact.key in READERS and (thing.kind, fact.key) not in negotiated:
                READERS[fact.key](tunnel, fact.text, fact.place, faults)
    peers = [re.split(r"[ /]", fact.text) for thing in closure for fact in thing.said("peer_inside")]
    masks = [parts[1] for parts in peers if len(parts) == 2 and parts[1] not in ("255.255.255.255", "32")]
    _read_inside(tunnel, [fact for thing in closure for fact in thing.said("inside")], masks, faults)
    say_proposals(closure, {"ike": tunnel.ike_proposals, "esp": tunnel.esp_proposals}, faults, lacks_pfs)


def _negotiated(closure: Sequence[Thing]) -> set[tuple[str, str]]:
    """Lifetimes that differ between proposals: the two ends choose one with the proposal, so none is the tunnel's."""
    found: dict[tuple[str, str], set[str]] = {}
    for thing in closure:
        for key in ("ike_lifetime", "esp_lifetime"):
            found.setdefault((thing.kind, key), set()).update(fact.text for fact in thing.said(key)[:1])
    return {way for way, texts in found.items() if len(texts) > 1}


def _read_inside(tunnel: TunnelDraft, said: Iterable[Fact], masks: list[str], faults: list[Fault]) -> None:
    """Our inside address, with a length, a mask, or alone: then the peer's, or the cloud's rule, tells the network."""
    for fact in said:
        text = re.sub(r" |/(?=\d+\.)", "/", fact.text.strip())
        lengths = tunnel.profile.inside_prefix_lengths
        if text.endswith(("/32", "/255.255.255.255")) or "/" not in text:
            mask = masks[0] if masks else str(min(lengths)) if len(lengths) == 1 else "32"
            text = f"{text.partition('/')[0]}/{mask}"
        tunnel.inside.say(parse_interface(text, fact.place, faults), fact.place)
