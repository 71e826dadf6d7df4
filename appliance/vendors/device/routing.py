"""The BGP sessions inside a device's tunnels, and its routes into them."""

from __future__ import annotations

import re

from appliance.vendors.conn import parse_networks
from appliance.vendors.device.fields import READERS, address_of
from appliance.vendors.device.rules import Thing, Things
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.values import parse_number, parse_seconds

_LAST_ASN = 4294967295
Tunnels = list[tuple[TunnelDraft, list[Thing]]]
"""Each tunnel with the things that it is made of."""


def read_routing(things: Things, tunnels: Tunnels, draft: ConnectionDraft, findings: Findings) -> None:
    """Who speaks BGP inside the tunnels, else the networks routed into them. Other sessions are none of ours."""
    for thing in (thing for thing in things.values() if thing.kind == "neighbor"):
        owner, place = _owner(thing, tunnels), thing.facts[0].place
        if owner is not None:
            draft.mode.say("bgp", place)
            READERS["peer_inside"](owner, _written(thing), place, findings.faults)
            _read_neighbor(thing, draft, findings)
    if draft.mode.place is None:
        _read_routes(things, tunnels, draft, findings)
        return
    for fact in (fact for thing in things.values() if thing.kind == "bgp" for fact in thing.said("asn")):
        draft.asn.say(parse_number(fact.text, fact.place, findings.faults, 0, _LAST_ASN), fact.place)


def _written(neighbor: Thing) -> str:
    """The neighbour's address: its name, unless it has another."""
    said = neighbor.said("address")
    return said[0].text if said else neighbor.name


def _owner(neighbor: Thing, tunnels: Tunnels) -> TunnelDraft | None:
    """The tunnel in whose inside network the neighbour is; where the tunnel's address is not said, the section's."""
    address = address_of(_written(neighbor))
    inside = [t for t, _ in tunnels if address and any(address in net.network for net in t.inside.every())]
    same = [t for t, c in tunnels if not t.inside.every() and neighbor.section and c[0].section == neighbor.section]
    return next(iter([*inside, *same]), None)


def _read_neighbor(thing: Thing, draft: ConnectionDraft, findings: Findings) -> None:
    faults = findings.faults
    for fact in thing.facts:
        if fact.key in ("asn", "peer_asn"):
            field = draft.asn if fact.key == "asn" else draft.peer_asn
            field.say(parse_number(fact.text, fact.place, faults, 0, _LAST_ASN), fact.place)
        elif fact.key == "hold_time":
            draft.hold_time.say(parse_seconds(fact.text, fact.place, faults, 3, 65535), fact.place)


def _read_routes(things: Things, tunnels: Tunnels, draft: ConnectionDraft, findings: Findings) -> None:
    """A static route whose next hop is a tunnel's interface, or an address inside one, leads to a network behind it."""
    devices = {thing.name for _, closure in tunnels for thing in closure}
    for thing in (thing for thing in things.values() if thing.kind == "route"):
        for fact in thing.said("via"):
            hop = address_of(fact.text)
            inside = any(hop in net.network for t, _ in tunnels for net in t.inside.every()) if hop else False
            if fact.text in devices or inside:
                draft.mode.say("static", fact.place)
                said = [to.text for to in thing.said("to")] or [thing.name]
                destination = re.sub(r"[. ](?=\d+\.\d+\.\d+\.\d+$)", "/", said[0])
                parse_networks(destination, fact.place, draft.networks, findings)
