"""The proposals of a tunnel, whose parts a device may spread over several things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from appliance.model.fault import Fault
from appliance.vendors.device.rules import Fact, Thing
from appliance.vendors.draft import Field
from appliance.vendors.keywords import cipher, esp_proposals, group, ike_proposals, is_aead
from appliance.vendors.suite import Suite
from appliance.vendors.values import Place

_SAME_AS_IKE = frozenset({"enable", "yes", "enabled"})
_ANY_HASH = "sha256"  # beside an AEAD cipher ESP has none; the suite wants one, and leaves it out
_NO_GROUP = "none"


def say_proposals(
    things: Sequence[Thing],
    into: dict[str, Field[tuple[str, ...]]],
    faults: list[Fault],
    lacks_pfs: bool,
) -> None:
    """Say each phase's proposals, in the order of the things. ``lacks_pfs``: no group for ESP means that there is none,
    and is not only left open."""
    exchanges = [fact for thing in things for fact in thing.said("ike.group")]
    for phase, combine in (("ike", ike_proposals), ("esp", esp_proposals)):
        loose = _loose(things, phase)
        if phase == "esp" and not loose["group"] and lacks_pfs:
            loose["group"] = [
                Fact("esp.group", "", _NO_GROUP, fact.place, 0) for fact in _facts(things, "esp.cipher")[:1]
            ]
        if phase == "esp" and any(fact.text.lower() in _SAME_AS_IKE for fact in loose["group"]):
            loose["group"] = [fact for fact in exchanges if group(fact.text)]
        _say(_suites(things, phase), loose, combine, into[phase], faults, phase)


def _facts(things: Iterable[Thing], key: str) -> list[Fact]:
    return [fact for thing in things for fact in thing.said(key)]


def _suites(things: Sequence[Thing], phase: str) -> list[dict[str, list[Fact]]]:
    """The parts that stand together: a thing's, an item's of it; a thing without a cipher is no suite."""
    found = []
    for thing in things:
        for item in dict.fromkeys(fact.item for fact in thing.said(f"{phase}.cipher")):
            parts = ("cipher", "hash", "prf", "group")
            found.append({part: [f for f in thing.said(f"{phase}.{part}") if f.item == item] for part in parts})
    return found


def _loose(things: Sequence[Thing], phase: str) -> dict[str, list[Fact]]:
    """Hashes and groups that stand in no suite, for all of them."""
    suites = {(id(thing), fact.item) for thing in things for fact in thing.said(f"{phase}.cipher")}
    return {
        part: [f for thing in things for f in thing.said(f"{phase}.{part}") if (id(thing), f.item) not in suites]
        for part in ("hash", "group")
    }


def _say(
    suites: list[dict[str, list[Fact]]],
    loose: dict[str, list[Fact]],
    combine: Callable[[Sequence[str], Sequence[str], Sequence[str]], tuple[str, ...]],
    into: Field[tuple[str, ...]],
    faults: list[Fault],
    phase: str,
) -> None:
    made: list[Field[tuple[str, ...]]] = []
    for parts in suites:
        field: Field[tuple[str, ...]] = Field()
        _suite(parts, loose, faults, phase).compose(combine, field, faults)
        made.append(field)
    into.is_faulty |= any(field.is_faulty for field in made)
    proposals = tuple(dict.fromkeys(proposal for field in made for each in field.every() for proposal in each))
    place = next((field.place for field in made if field.place), None)
    if proposals and place and all(field.place for field in made):
        into.say(proposals, place)


def _suite(parts: dict[str, list[Fact]], loose: dict[str, list[Fact]], faults: list[Fault], phase: str) -> Suite:
    suite = Suite()
    ciphers, hashes = _list(parts["cipher"]), _list(parts["hash"] or parts["prf"] or loose["hash"])
    groups, is_esp = _list(parts["group"] or loose["group"]), phase == "esp"
    if ciphers:
        suite.read_ciphers(*ciphers, faults)
        if is_esp and all(is_aead(cipher(fact.text) or "") for fact in parts["cipher"]):
            suite.read_hashes(_ANY_HASH, ciphers[1], faults)
        elif hashes:
            suite.read_hashes(*hashes, faults)
    if groups:
        suite.read_groups(*groups, faults, optional=is_esp)
    return suite


def _list(facts: list[Fact]) -> tuple[str, Place] | None:
    """What is said in several places, as one list where it begins."""
    return (",".join(dict.fromkeys(fact.text for fact in facts)), facts[0].place) if facts else None
