"""An intent read again is what a whole reading makes of the text, or is left to one."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Interface, ip_address, ip_network
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.design.tunnels import tunnel_if_id, tunnel_link
from appliance.intent.cutting import follow_pieces, split_text
from appliance.intent.examples import EXAMPLES
from appliance.intent.read import read_intent
from appliance.intent.rereading import Rereading
from appliance.intent.rules import check_numbers
from appliance.intent.write import write_intent
from appliance.model.intent import Connection, Esp, Intent, SecretRef, Site, Tunnel, Uplink
from tests.intent.intents import CONNECTIONS, INTENTS

ALIASED = ("tgw",)
"""Their connections share values by aliases: one cannot be read without the other."""
CASES = sorted(Path(__file__).parent.glob("cases/*.yaml"))


def rereading() -> Rereading:
    return Rereading(tunnel_if_id, lambda _, tunnel: tunnel_link(tunnel))


def agrees(again: Rereading, text: str) -> bool:
    """Whether it was read again, which must give the same. Never anything for a text with a fault."""
    intent, faults, notices = read_intent(text)
    found = again.read(text)
    if found is None:
        return False
    assert not faults
    assert intent is not None
    assert not check_numbers(intent, tunnel_if_id, lambda _, tunnel: tunnel_link(tunnel))
    assert found[0] == intent
    assert set(found[1]) == set(notices)
    return True


def tunnel(number: int, **changed: object) -> Tunnel:
    fields = {
        "name": f"t{number}",
        "remote": ip_address("198.51.100.1") + number,
        "psk": SecretRef("file", f"secrets/t{number}.psk"),
        "inside": IPv4Interface(f"169.254.10.{number * 4 + 2}/30"),
        "peer_inside": ip_address(f"169.254.10.{number * 4 + 1}"),
    }
    return Tunnel(**(fields | changed))  # type: ignore[arg-type]


def connection(number: int, *tunnels: Tunnel, **changed: object) -> Connection:
    fields = {
        "name": f"c{number}", "cloud": "aws", "mode": "bgp", "peer_asn": 64512,
        "networks": (ip_network(f"10.{number}.0.0/16"),), "tunnels": tunnels,
    }  # fmt: skip
    return Connection(**(fields | changed))  # type: ignore[arg-type]


def site(*connections: Connection, **changed: object) -> Intent:
    base = Intent(
        Site("bench", 65010, None, (ip_network("192.0.2.0/24"),)),
        uplinks=(Uplink("isp1", "wan0"),),
        connections=connections,
    )
    return replace(base, **changed)  # type: ignore[arg-type]


BEFORE = site(connection(0, tunnel(0), tunnel(1)), connection(1, tunnel(2), tunnel(3)), connection(2, tunnel(4)))
CHANGES = {
    "a cipher": site(connection(0, tunnel(0, esp=Esp(("aes128-sha1-modp1024",))), tunnel(1)), *BEFORE.connections[1:]),
    "an inside address": site(
        connection(0, tunnel(0), tunnel(1)),
        connection(1, tunnel(2, inside=IPv4Interface("169.254.99.2/30"), peer_inside=ip_address("169.254.99.1")),
                   tunnel(3)),
        BEFORE.connections[2],
    ),
    "one gone": site(*BEFORE.connections[1:]),
    "one more": site(*BEFORE.connections, connection(3, tunnel(5))),
    "another order": site(*reversed(BEFORE.connections)),
    "another uplink": replace(BEFORE, uplinks=(Uplink("isp2", "wan1"),)),
    "both with a priority on one network": site(
        connection(0, tunnel(0), priority=100, networks=(ip_network("10.0.0.0/8"),)),
        connection(1, tunnel(2), priority=200, networks=(ip_network("10.0.0.0/8"),)),
    ),
}  # fmt: skip
FAULTS = {
    "an inside network twice": site(connection(0, tunnel(0)), connection(1, tunnel(1, inside=IPv4Interface(
        "169.254.10.2/30"), peer_inside=ip_address("169.254.10.1")))),
    "a far end twice": site(connection(0, tunnel(0)), connection(1, tunnel(1, remote=ip_address("198.51.100.1")))),
    "a tunnel's name twice": site(connection(0, tunnel(0)), connection(1, tunnel(1, name="t0"))),
    "a connection's name twice": site(connection(0, tunnel(0)), connection(1, tunnel(1), name="c0")),
    "an id twice": site(connection(0, tunnel(0), id="vpn-1"), connection(1, tunnel(1), id="vpn-1")),
    "an if_id twice": site(connection(0, tunnel(0, if_id=7)), connection(1, tunnel(1, if_id=7))),
    "an interface twice": site(connection(0, tunnel(0)), connection(1, tunnel(1, interface="t0"))),
    "networks without a priority": site(connection(0, tunnel(0)), connection(1, tunnel(1), networks=(ip_network(
        "10.0.7.0/24"),))),
    "a default route without a priority": site(
        connection(0, tunnel(0), mode="static", peer_asn=None, networks=(ip_network("0.0.0.0/0"),)),
        connection(1, tunnel(1), mode="static", peer_asn=None)),
    "a far end behind a cloud": site(connection(0, tunnel(0)), connection(1, tunnel(1), networks=(ip_network(
        "198.51.100.0/24"),))),
    "modes that meet": site(connection(0, tunnel(0), priority=1), connection(1, tunnel(1), mode="static", peer_asn=None,
        networks=(ip_network("10.0.7.0/24"),), priority=2)),
    "several numbers of ours": site(connection(0, tunnel(0), asn=65001), connection(1, tunnel(1), asn=65002),
        site=Site("bench", None, None, (ip_network("192.0.2.0/24"),))),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_read_without_reading_all_again(name: str) -> None:
    again = rereading()
    assert agrees(again, write_intent(BEFORE))
    assert agrees(again, write_intent(CHANGES[name]))
    assert agrees(again, write_intent(BEFORE))


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_in_each_others_way_is_left_to_a_whole_reading(name: str) -> None:
    again, wrong = rereading(), FAULTS[name]
    agrees(again, write_intent(site(*wrong.connections[:1], site=wrong.site)))
    intent, faults, _ = read_intent(write_intent(wrong))
    assert faults or (intent and check_numbers(intent, tunnel_if_id, lambda _, tunnel: tunnel_link(tunnel)))
    assert again.read(write_intent(wrong)) is None


def test_what_did_not_change_is_the_same_object() -> None:
    again = rereading()
    first, second = (again.read(write_intent(one)) for one in (BEFORE, CHANGES["an inside address"]))
    assert first is not None
    assert second is not None
    assert second[0].connections[0] is first[0].connections[0]
    assert second[0].connections[1] is not first[0].connections[1]


def test_under_another_frame_they_are_the_same_objects_too() -> None:
    again = rereading()
    first, second = (again.read(write_intent(one)) for one in (BEFORE, CHANGES["another uplink"]))
    assert first is not None
    assert second is not None
    assert [*map(id, second[0].connections)] == [*map(id, first[0].connections)]


@pytest.mark.parametrize("places", [*product(range(3), repeat=3), *product(range(3), repeat=2), (0, 1, 2, 1)], ids=str)
def test_wherever_connections_stand_and_whether_twice(places: tuple[int, ...]) -> None:
    again = rereading()
    assert agrees(again, write_intent(BEFORE))
    alone = len({*places}) == len(places)
    assert agrees(again, write_intent(site(*(BEFORE.connections[place] for place in places)))) == alone
    assert agrees(again, write_intent(BEFORE))


def odd(chance: random.Random, number: int) -> Connection:
    """One that is often in another's way."""
    other = chance.choice((number, number, number, chance.randint(0, 9)))
    changed: dict[str, object] = {}
    match chance.randint(0, 9):
        case 0:
            changed["remote"] = ip_address("198.51.100.1") + other
        case 1:
            changed["inside"] = IPv4Interface(f"169.254.10.{other * 4 + 2}/30")
            changed["peer_inside"] = ip_address(f"169.254.10.{other * 4 + 1}")
        case 2:
            changed["if_id"] = 7 + other
        case 3:
            changed["interface"] = f"t{other}"
    networks = {4: f"10.{other}.0.0/16", 5: f"10.{other}.7.0/24", 6: "10.0.0.0/13", 7: f"198.51.100.{4 * other}/30"}
    network = ip_network(networks.get(chance.randint(0, 20), f"10.{number}.0.0/16"))
    priority = chance.choice((None, None, number + 1))
    return connection(number, tunnel(number, **changed), networks=(network,), priority=priority)


@pytest.mark.parametrize("seed", range(40))
def test_any_sequence_of_changes_is_read_alike(seed: int) -> None:
    """Whether or not what changed is in the way of what did not."""
    chance, again = random.Random(seed), rereading()
    standing = {number: connection(number, tunnel(number)) for number in range(8)}
    read = 0
    for _ in range(12):
        for number in chance.sample(range(10), chance.choice((0, 1, 1, 2))):
            if standing.pop(number, None) is None or chance.random() < 0.8:
                standing[number] = odd(chance, number)
        read += agrees(again, write_intent(site(*standing.values())))
        if chance.random() < 0.4:
            standing = {number: connection(number, tunnel(number)) for number in range(8)}
    assert read


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_case_is_read_alike(path: Path) -> None:
    again = rereading()
    agrees(again, path.read_text(errors="replace"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_read_alike(name: str) -> None:
    again = rereading()
    assert agrees(again, EXAMPLES[name]) == agrees(again, EXAMPLES[name]) == (name not in ALIASED)


@given(INTENTS, CONNECTIONS)
def test_any_intent_is_read_alike(intent: Intent, more: Connection) -> None:
    again = rereading()
    agrees(again, write_intent(intent))
    agrees(again, write_intent(replace(intent, connections=(*intent.connections, more))))


TRICKS = [
    "connections: []\n", "connections:\n", 'frr-extra: "a\n', 'foo"\n', "  - name: c9\n", "  - &a {name: c9}\n",
    "  - *a\n", "---\n", "...\n", "# a remark\n", "\n", "    # deep\n", "probe: {lost: 3}\n", "      - name: t9\n",
    "  -\n", "  - {}\n", "   - name: odd\n", " oddly: placed\n", "    networks: |\n", "'\n", "\ufeff", "\t- x\n",
    "\r\n",
]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(TRICKS), st.floats(0, 1)), min_size=1, max_size=3))
def test_no_text_is_taken_for_another(tricks: list[tuple[str, float]]) -> None:
    again = rereading()
    lines = write_intent(BEFORE).splitlines(keepends=True)
    agrees(again, "".join(lines))
    for trick, place in tricks:
        lines.insert(round(place * len(lines)), trick)
    agrees(again, "".join(lines))


TEXTS = st.lists(st.sampled_from((*TRICKS, *write_intent(BEFORE).splitlines(keepends=True))), max_size=12)


@given(st.integers(0, 60), st.integers(0, 60), TEXTS, st.booleans())
def test_a_text_cut_again_is_cut_as_one_never_seen(start: int, end: int, lines: list[str], ended: bool) -> None:
    """Or looked at whole. Whatever lines are taken out or put in."""
    before = write_intent(BEFORE).splitlines(keepends=True)
    known = split_text("".join(before))
    assert known is not None
    after = "".join([*before[:start], *lines, *before[max(start, end) :]])
    after = after if ended else after.removesuffix("\n")
    found = follow_pieces(known, after)
    assert found is None or found == split_text(after)


@pytest.mark.parametrize("place", range(3))
def test_after_a_change_of_one_connection_the_others_are_not_looked_at(place: int) -> None:
    before = split_text(write_intent(BEFORE))
    assert before is not None
    connections = list(BEFORE.connections)
    connections[place] = replace(connections[place], id="vpn-7")
    after = follow_pieces(before, write_intent(replace(BEFORE, connections=tuple(connections))))
    assert after is not None
    assert [one is other for one, other in zip(before.items, after.items, strict=True)].count(True) == 2


def edited(chance: random.Random, lines: list[str]) -> list[str]:
    """Some lines go, come, come again, or the last one loses its end."""
    now, at = list(lines), chance.randint(0, len(lines))
    match chance.randrange(4):
        case 0:
            del now[at : at + chance.randrange(8)]
        case 1:
            now.insert(at, chance.choice((*TRICKS, *lines)))
        case 2:
            now[at:at] = lines[chance.randint(0, len(lines)) :][: chance.randrange(10)]
        case 3 if now:
            now[-1] = now[-1].rstrip("\n")
    return now


@pytest.mark.parametrize("seed", range(20))
def test_texts_cut_one_after_the_other_are_cut_as_if_never_seen(seed: int) -> None:
    chance, text = random.Random(seed), write_intent(BEFORE)
    known, followed = split_text(text), 0
    assert known is not None
    for _ in range(100):
        now = "".join(edited(chance, text.splitlines(keepends=True)))
        found, whole = follow_pieces(known, now), split_text(now)
        assert found is None or found == whole
        followed += found is not None
        if whole is not None and chance.random() < 0.5:
            known, text = whole, now
        if chance.random() < 0.1:
            text = write_intent(BEFORE)
            known = split_text(text) or known
    assert followed
