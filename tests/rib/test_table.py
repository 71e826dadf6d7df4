"""What is taken, what is chosen, and that the work is done where something changed and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes, EndOfRib, Update
from appliance.model.peering import BEHIND, CLOSED, OPEN, RANKS, SHUT, Neighbor
from appliance.rib.selection import Rules
from appliance.rib.table import Rib
from tests.rib.scenes import PREFIXES, attributes, neighbor, offer, opened, router, sayings, winners, withdrawal

ONE, TWO = neighbor(1), neighbor(2)
FOUR = {number: neighbor(number, asn=64512 + number // 2) for number in range(1, 5)}
NET = ip_network("10.0.0.0/16")


def rib_of(*neighbors: Neighbor, rules: Rules = Rules(), **more: object) -> Rib:  # noqa: B008
    rib = Rib(rules)
    rib.follow(router(*neighbors, **more))
    for place, one in enumerate(neighbors, 1):
        rib.opened(opened(one, f"198.51.100.{place}"))
    return rib


def chosen(rib: Rib, prefix: str = "10.0.0.0/16") -> set[str]:
    rib.settle()
    found = rib.choices.get(ip_network(prefix))
    return set(found.tunnels) if found else set()


def test_two_equal_paths_share_and_the_lower_router_id_is_best() -> None:
    rib = rib_of(ONE, TWO)
    rib.take(offer(TWO, ["10.0.0.0/16"]))
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1", "t2"}
    best = [path.neighbor for path in rib.paths() if path.best]
    assert best == [ONE.address]
    assert all(path.multipath for path in rib.paths())


@pytest.mark.parametrize(
    ("first", "second", "who"),
    [
        (offer(ONE, ["10.0.0.0/16"]), offer(TWO, ["10.0.0.0/16"], 64512, 64500), {"t1"}),
        (offer(ONE, ["10.0.0.0/16"], origin=2), offer(TWO, ["10.0.0.0/16"], origin=1), {"t2"}),
        (offer(ONE, ["10.0.0.0/16"], med=200), offer(TWO, ["10.0.0.0/16"], med=100), {"t2"}),
        (offer(ONE, ["10.0.0.0/16"]), offer(TWO, ["10.0.0.0/16"], med=1), {"t1"}),
        (offer(ONE, ["10.0.0.0/16"], 64512, 64500), offer(TWO, ["10.0.0.0/16"], 64512, 64501), {"t1", "t2"}),
    ],
    ids=["shorter", "origin", "med", "no med is zero", "relaxed"],
)
def test_the_first_difference_decides(first: Update, second: Update, who: set[str]) -> None:
    rib = rib_of(ONE, TWO)
    rib.take(first)
    rib.take(second)
    assert chosen(rib) == who


def test_meds_of_different_ases_are_not_compared_unless_asked_for() -> None:
    other = neighbor(2, asn=64513)
    rib = rib_of(ONE, other)
    rib.take(offer(ONE, ["10.0.0.0/16"], med=200))
    rib.take(offer(other, ["10.0.0.0/16"], med=100))
    for asked, who in ((False, {"t1", "t2"}), (True, {"t2"}), (False, {"t1", "t2"})):
        rib.follow(router(ONE, other, always_compare_med=asked))
        assert chosen(rib) == who


def test_without_relaxing_only_the_same_path_shares() -> None:
    rib = rib_of(ONE, TWO, rules=Rules(relax=False))
    rib.take(offer(ONE, ["10.0.0.0/16"], 64512, 64500))
    rib.take(offer(TWO, ["10.0.0.0/16"], 64512, 64501))
    assert chosen(rib) == {"t1"}


def test_no_more_paths_share_than_allowed() -> None:
    rib = rib_of(*FOUR.values(), maximum_paths=3)
    for one in FOUR.values():
        rib.take(offer(one, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1", "t2", "t3"}
    rib.follow(router(*FOUR.values(), maximum_paths=1))
    assert chosen(rib) == {"t1"}


def test_the_policys_preference_goes_before_all_and_a_neighbour_held_behind_goes_last() -> None:
    rib = rib_of(replace(ONE, local_pref=200), TWO)
    rib.take(offer(ONE, ["10.0.0.0/16"], 64512, 64500, 64501))
    rib.take(offer(TWO, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1"}
    rib.follow(router(replace(ONE, stance=BEHIND), TWO))
    assert chosen(rib) == {"t2"}
    rib.take(withdrawal(TWO, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1"}


def test_a_forced_med_makes_unequal_ones_balance() -> None:
    rib = rib_of(replace(ONE, force_med=0), replace(TWO, force_med=0))
    rib.take(offer(ONE, ["10.0.0.0/16"], med=200))
    rib.take(offer(TWO, ["10.0.0.0/16"], med=100))
    assert chosen(rib) == {"t1", "t2"}


@pytest.mark.parametrize(
    ("prefix", "nexthop", "said", "why"),
    [
        ("192.0.2.128/25", ONE.address, attributes(64512), "deny 192.0.2.0/24 le 32"),
        ("10.0.0.0/29", ONE.address, attributes(64512), "deny any"),
        ("0.0.0.0/0", ONE.address, attributes(64512), "deny any"),
        (
            "10.0.0.0/16",
            ip_address("198.51.100.9"),
            attributes(64512),
            "the next hop 198.51.100.9 is not the neighbour",
        ),
        ("10.0.0.0/16", ONE.address, attributes(64512, 65010), "a loop: our own AS is in the path"),
        ("10.0.0.0/16", ONE.address, attributes(64500), "an AS path that begins with 64500 instead of 64512"),
        ("10.0.0.0/16", ONE.address, attributes(), "an empty AS path from another AS"),
        ("2001:db8::/32", ONE.address, attributes(64512), "an IPv6 prefix over an IPv4 session"),
    ],
)
def test_what_is_not_taken_is_counted_and_explained(
    prefix: str, nexthop: IPAddress, said: Attributes, why: str
) -> None:
    rib = rib_of(ONE)
    rib.take(Update(ONE.address, said, ((ip_network(prefix), nexthop),)))
    assert chosen(rib, prefix) == set()
    assert [path.rule for path in rib.filtered(ONE.address)] == [why]
    assert rib.counts(ONE.address) == (1, 0)


def test_another_next_hop_than_the_neighbours_is_taken_where_the_policy_lets_it_in() -> None:
    """It goes over the neighbour's tunnel all the same."""
    rib, elsewhere = rib_of(ONE), ip_address("198.51.100.77")
    rib.take(Update(ONE.address, attributes(64512), ((NET, elsewhere),)))
    assert chosen(rib) == set()
    rib.follow(router(replace(ONE, third_party=True)))
    assert chosen(rib) == {"t1"}
    assert [path.nexthop for path in rib.paths()] == [elsewhere]
    rib.follow(router(ONE))
    assert chosen(rib) == set()


@pytest.mark.parametrize(
    ("family", "prefix", "itself", "taken"),
    [(6, "2001:db8::/32", "fe80::1", {"t1"}), (4, "10.0.0.0/16", "169.254.77.1", set())],
)
def test_a_neighbour_over_ipv6_may_name_itself_by_its_link_local_address(
    family: int, prefix: str, itself: str, taken: set[str]
) -> None:
    """RFC 2545, section 3. Over IPv4 such an address is as strange as any other."""
    far = neighbor(1, family=family)
    rib = rib_of(far)
    rib.take(Update(far.address, attributes(64512), ((ip_network(prefix), ip_address(itself)),)))
    assert chosen(rib, prefix) == taken


def test_by_default_nothing_is_taken() -> None:
    rib = rib_of(replace(ONE, accept=()))
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    assert chosen(rib) == set()


def test_a_cloud_that_knows_us_by_another_number_cannot_loop_it_back_to_us() -> None:
    rib = rib_of(replace(ONE, local_asn=65099))
    rib.take(offer(ONE, ["10.0.0.0/16"], 64512, 65099))
    assert chosen(rib) == set()


def test_a_malformed_update_takes_its_prefixes_back() -> None:
    """RFC 7606: the session lives, and what was known of these prefixes does not count any more."""
    rib = rib_of(ONE)
    rib.take(offer(ONE, ["10.0.0.0/16", "10.1.0.0/16"]))
    rib.take(Update(ONE.address, None, ((NET, ONE.address),), fault="a malformed attribute"))
    assert (chosen(rib), chosen(rib, "10.1.0.0/16")) == (set(), {"t1"})
    assert rib.events == ["t1: 169.254.1.5 sent an UPDATE that is taken as a withdrawal: a malformed attribute"]


def test_a_changed_policy_is_applied_to_what_came_before() -> None:
    rib = rib_of(replace(ONE, accept=()))
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    rib.follow(router(ONE))
    assert chosen(rib) == {"t1"}
    rib.follow(router(replace(ONE, accept=())))
    assert chosen(rib) == set()
    assert rib.counts(ONE.address) == (1, 0)


def test_a_neighbour_that_left_takes_what_it_brought_along() -> None:
    rib = rib_of(ONE, TWO)
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    rib.take(offer(TWO, ["10.0.0.0/16"]))
    rib.follow(router(TWO))
    assert chosen(rib) == {"t2"}
    rib.take(offer(ONE, ["10.1.0.0/16"]))
    assert chosen(rib, "10.1.0.0/16") == set()


def test_the_maximum_is_warned_of_at_four_fifths_and_beyond_once_each() -> None:
    rib = rib_of(replace(ONE, max_prefixes=10))
    for number in range(12):
        rib.take(offer(ONE, [f"10.{number}.0.0/16"]))
    assert rib.events == [
        "t1: 169.254.1.5 sent 8 prefixes, 80% of its maximum of 10",
        "t1: 169.254.1.5 sent 11 prefixes, more than its maximum of 10",
    ]
    assert rib.counts(ONE.address) == (12, 12)


def test_what_is_kept_over_a_restart_goes_unless_it_is_said_again() -> None:
    rib = rib_of(ONE)
    rib.take(offer(ONE, ["10.0.0.0/16", "10.1.0.0/16"]))
    rib.stall(ONE.address)
    assert (chosen(rib), chosen(rib, "10.1.0.0/16")) == ({"t1"}, {"t1"})
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    rib.ended(EndOfRib(ONE.address, 6))
    assert chosen(rib, "10.1.0.0/16") == {"t1"}
    rib.ended(EndOfRib(ONE.address, 4))
    assert (chosen(rib), chosen(rib, "10.1.0.0/16")) == ({"t1"}, set())
    rib.stall(ONE.address)
    rib.sweep(ONE.address)
    assert chosen(rib) == set()


def test_what_is_kept_over_a_restart_and_refused_meanwhile_does_not_come_back() -> None:
    """Who was said to be of another AS for a while, and then is himself again, brings what he says then."""
    rib = rib_of(ONE, TWO)
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1"}
    rib.stall(ONE.address)
    rib.follow(router(replace(ONE, peer_asn=64999), TWO))
    assert chosen(rib) == set()
    rib.follow(router(ONE, TWO))
    assert chosen(rib) == set()
    assert rib.counts(ONE.address) == (0, 0)
    rib.take(offer(ONE, ["10.0.0.0/16"]))
    assert chosen(rib) == {"t1"}


def test_only_what_changed_is_chosen_anew() -> None:
    rib = rib_of(ONE, TWO)
    rib.take(offer(ONE, ["10.0.0.0/16", "10.1.0.0/16"]))
    rib.take(offer(TWO, ["10.0.0.0/16"]))
    assert {str(prefix) for prefix in rib.settle()} == {"10.0.0.0/16", "10.1.0.0/16"}
    assert rib.settle() == {}
    rib.take(offer(ONE, ["10.0.0.0/16"]))  # the same once more
    assert rib.settle() == {}
    rib.take(withdrawal(TWO, ["10.0.0.0/16"]))
    assert {str(prefix): choice.tunnels for prefix, choice in rib.settle().items()} == {
        "10.0.0.0/16": frozenset({"t1"})
    }


@given(st.lists(st.one_of(sayings(FOUR), st.sampled_from(sorted(FOUR))), max_size=25), st.booleans())
def test_however_it_was_said_the_choice_is_that_of_the_standard(steps: list[Update | int], always: bool) -> None:
    """An integer is the end of that neighbour's session. ``always``: the MED counts between different ASes too."""
    rib = rib_of(*FOUR.values(), always_compare_med=always)
    told = dict[tuple[IPAddress, IPNetwork], Attributes]()
    standing: dict[IPNetwork, frozenset[str]] = {}
    for step in steps:
        if isinstance(step, int):
            rib.lost(FOUR[step].address)
            told = {key: said for key, said in told.items() if key[0] != FOUR[step].address}
        else:
            rib.take(step)
            for prefix in step.withdrawn:
                told.pop((step.neighbor, prefix), None)
            for prefix, _ in step.announced:
                assert step.attributes is not None
                told[step.neighbor, prefix] = step.attributes
        standing |= {prefix: choice.tunnels for prefix, choice in rib.settle().items()}
    numbers = {one.address: one for one in FOUR.values()}
    for prefix in PREFIXES:
        said = [(numbers[who], 0, given) for (who, what), given in told.items() if what == prefix]
        expected = {numbers[address].tunnel for address in winners(said, always)}
        assert standing.get(prefix, frozenset()) == expected
        assert rib.counts(FOUR[1].address)[0] == sum(who == FOUR[1].address for who, _ in told)


@given(
    st.lists(sayings(FOUR), max_size=12),
    st.dictionaries(st.sampled_from(sorted(FOUR)), st.sampled_from([BEHIND, CLOSED, SHUT])),
    st.sampled_from([None, {1: 200, 2: 200, 3: 202, 4: 202}]),
)
def test_the_lowest_rank_of_what_is_chosen_is_what_the_policy_says(
    said: list[Update], stances: dict[int, str], priorities: dict[int, int] | None
) -> None:
    """Against a speaker that takes nothing from whoever is closed, and all else with the preference that it has."""
    given = {n: replace(one, local_pref=priorities[n] if priorities else None) for n, one in FOUR.items()}
    held = {n: replace(one, stance=stances.get(n, OPEN)) for n, one in given.items()}
    rib, plain = rib_of(*given.values()), Rib()
    plain.follow(router(*(replace(one, stance=OPEN, local_pref=one.preference) for one in held.values()
                          if RANKS[one.stance] < RANKS[CLOSED])))  # fmt: skip
    for place, one in enumerate(given.values(), 1):
        plain.opened(opened(one, f"198.51.100.{place}"))
    for update in said:
        rib.take(update)
        plain.take(update)
    rib.settle()
    rib.follow(router(*held.values()))
    rib.settle()
    plain.settle()
    ranks = {one.tunnel: RANKS[one.stance] for one in held.values()}
    for prefix, choice in rib.choices.items():
        first = min(ranks[name] for name in choice.tunnels)
        carrying = {name for name in choice.tunnels if ranks[name] == first}
        if prefix in plain.choices:
            assert carrying == plain.choices[prefix].tunnels
        else:
            assert first == RANKS[CLOSED], "another was there"
    assert plain.choices.keys() <= rib.choices.keys()


def test_no_prefix_moves_for_a_path_that_is_closed_and_opened_again() -> None:
    rib = rib_of(ONE, TWO)
    many = [f"10.{number}.0.0/16" for number in range(50)]
    rib.take(offer(ONE, many))
    rib.take(offer(TWO, many))
    assert len(rib.settle()) == 50
    for stance in (CLOSED, BEHIND, SHUT, OPEN):
        rib.follow(router(replace(ONE, stance=stance), TWO))
        assert rib.settle() == {}


def test_of_a_closed_path_nothing_is_counted_as_taken() -> None:
    rib = rib_of(ONE, TWO)
    rib.take(offer(ONE, ["10.0.0.0/16", "10.1.0.0/16"]))
    rib.take(offer(TWO, ["10.0.0.0/16"]))
    rib.follow(router(replace(ONE, stance=CLOSED), TWO))
    rib.settle()
    assert (rib.counts(ONE.address), rib.counts(TWO.address)) == ((2, 0), (1, 1))
    assert {(str(path.prefix), path.neighbor, path.best) for path in rib.paths()} == {
        ("10.0.0.0/16", TWO.address, True),
        ("10.1.0.0/16", ONE.address, True),
    }
    assert {one.rule for one in rib.filtered(ONE.address)} == {"deny any"}
