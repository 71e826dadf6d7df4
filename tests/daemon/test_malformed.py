"""UPDATEs that are wrong in one place, made with scapy and told to the real ExaBGP: the session survives what RFC 7606
says that it must, and the prefixes are taken back or kept as it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.announce.far import UPDATE, FarEnd, until
from tests.daemon.embedded import Scene, play
from tests.fakes.box import Box

bgp = pytest.importorskip("scapy.contrib.bgp")
Raw = pytest.importorskip("scapy.packet").Raw

HIT, SPARED = "10.1.0.0/16", "10.2.0.0/16"
OURSELVES, BEHIND = 64512, 64999
WELL_KNOWN, OPTIONAL, TRANSITIVE, PARTIAL = 0x40, 0x80, 0xC0, 0xE0
ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, ATOMIC, AGGREGATOR, COMMUNITY = range(1, 9)
ORIGINATOR, CLUSTERS, AS4_PATH, LARGE = 9, 10, 17, 32


def raw(kind: int, value: bytes, flags: int = WELL_KNOWN, length: int | None = None) -> Any:
    """A path attribute of any bytes, which may lie about its length."""
    said = len(value) if length is None else length
    return Raw(bytes((flags, kind, said)) + value)


def path(*numbers: int, kind: int = 2, count: int | None = None) -> bytes:
    """A segment of an AS_PATH; ``count`` may be a lie."""
    return bytes((kind, len(numbers) if count is None else count)) + b"".join(n.to_bytes(4, "big") for n in numbers)


SOUND = {
    ORIGIN: raw(ORIGIN, b"\0"),
    AS_PATH: raw(AS_PATH, path(OURSELVES, BEHIND)),
    NEXT_HOP: raw(NEXT_HOP, bytes((169, 254, 23, 5))),
}


@dataclass(frozen=True)
class Case:
    """What differs from a sound UPDATE. ``kept``: its prefix is taken all the same, only the attribute is not."""

    name: str
    section: str
    changed: dict[int, Any]
    kept: bool = False


CASES = (
    Case("an ORIGIN of two bytes", "7.1", {ORIGIN: raw(ORIGIN, b"\0\0")}),
    Case("an ORIGIN that is none", "7.1", {ORIGIN: raw(ORIGIN, b"\7")}),
    Case("an ORIGIN said to be optional", "3 c", {ORIGIN: raw(ORIGIN, b"\0", OPTIONAL)}),
    Case("no ORIGIN", "3 d", {ORIGIN: None}),
    Case("an AS_PATH that ends within a number", "7.2", {AS_PATH: raw(AS_PATH, path(OURSELVES, count=2))}),
    Case("a segment of no kind", "7.2", {AS_PATH: raw(AS_PATH, path(OURSELVES, kind=9))}),
    Case("a segment of nothing", "7.2", {AS_PATH: raw(AS_PATH, path(OURSELVES) + path())}),
    Case("no AS_PATH", "3 d", {AS_PATH: None}),
    Case("a NEXT_HOP of three bytes", "7.3", {NEXT_HOP: raw(NEXT_HOP, b"\xa9\xfe\x17")}),
    Case("no NEXT_HOP", "3 d", {NEXT_HOP: None}),
    Case("a MED of three bytes", "7.4", {MED: raw(MED, b"\0\0\1", OPTIONAL)}),
    Case("communities of six bytes", "7.8", {COMMUNITY: raw(COMMUNITY, b"\0\1\0\2\0\3", TRANSITIVE)}),
    Case("large communities of eleven bytes", "RFC 8092", {LARGE: raw(LARGE, bytes(11), TRANSITIVE)}),
    Case("an attribute longer than all of them", "4", {COMMUNITY: raw(COMMUNITY, b"\0\1\0\2", TRANSITIVE, length=40)}),
    Case("an ATOMIC_AGGREGATE with a value", "7.6", {ATOMIC: raw(ATOMIC, b"\1")}, kept=True),
    Case("an AGGREGATOR of five bytes", "7.7", {AGGREGATOR: raw(AGGREGATOR, bytes(5), TRANSITIVE)}, kept=True),
    Case("a LOCAL_PREF from another AS", "7.5", {LOCAL_PREF: raw(LOCAL_PREF, b"\0\0\0\7")}, kept=True),
    Case("a LOCAL_PREF of three bytes", "7.5", {LOCAL_PREF: raw(LOCAL_PREF, b"\0\0\7")}, kept=True),
    Case("an ORIGINATOR_ID from another AS", "7.9", {ORIGINATOR: raw(ORIGINATOR, bytes(3), OPTIONAL)}, kept=True),
    Case("a CLUSTER_LIST from another AS", "7.10", {CLUSTERS: raw(CLUSTERS, bytes(3), OPTIONAL)}, kept=True),
    Case("an AS4_PATH of five bytes", "RFC 6793", {AS4_PATH: raw(AS4_PATH, bytes(5), TRANSITIVE)}, kept=True),
    Case("an attribute that nobody knows", "RFC 4271 5", {99: raw(99, b"whatever", TRANSITIVE)}, kept=True),
    Case("one that came unknown from afar", "RFC 4271 5", {99: raw(99, b"whatever", PARTIAL)}, kept=True),
    Case("ORIGIN twice", "3 g", {ORIGIN: raw(ORIGIN, b"\0") / raw(ORIGIN, b"\1")}, kept=True),
)


def update(case: Case, prefix: str) -> bytes:
    """The body of an UPDATE: a sound one but for what the case changes."""
    attributes = b"".join(bytes(one) for _, one in sorted((SOUND | case.changed).items()) if one is not None)
    nlri = bytes(bgp.BGPNLRI_IPv4(prefix=prefix))
    return b"\0\0" + len(attributes).to_bytes(2, "big") + attributes + nlri


def tell(end: FarEnd, case: Case) -> None:
    """The sound UPDATE for two prefixes, then the wrong one for the first of them."""
    for prefix in (HIT, SPARED):
        end.say(UPDATE, update(Case("sound", "", {}), prefix))
    end.say(UPDATE, update(case, HIT))


def test_what_is_sound_is_taken_and_read_as_scapy_reads_it() -> None:
    """The cases are no worse than they say."""
    said = bgp.BGPUpdate(update(Case("sound", "", {}), HIT))
    assert [one.type_code for one in said.path_attr] == [ORIGIN, AS_PATH, NEXT_HOP]
    assert [one.prefix for one in said.nlri] == [HIT]


def test_the_session_survives_what_it_must(box: Box, folder: Path) -> None:
    """RFC 7606: the session survives, a prefix is taken back or kept as it says, and no other one is touched."""
    found: dict[str, bool] = {}

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        await at.want()
        await until(lambda: end.up)
        for case in CASES:
            mark = f"10.9.{len(found)}.0/24"
            tell(end, case)
            end.offer([mark])  # when this one is there, all before it has been judged
            await until(lambda mark=mark: mark in at.routes() or end.sessions > 1, case.name)
            assert end.sessions == 1, f"{case.name} ended the session: {at.said[-1]}"
            routes = at.routes()
            assert SPARED in routes, f"{case.name} cost another prefix"
            found[case.name] = HIT in routes
            end.take_back([HIT, SPARED])

    said = play(box, folder, scene)
    assert found == {case.name: case.kept for case in CASES}
    told = [line for line in said if "taken as a withdrawal" in line]
    assert len(told) == sum(not case.kept for case in CASES), told
