"""What FRR is told: the whole text, and what never gets into it."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from appliance.frr.policy import first_match, inbound_rules
from appliance.frr.render import render_frr
from appliance.frr.tree import parse_tree, render_tree, sort_tree
from appliance.model.fault import ApplianceError, FaultyInput
from appliance.model.peering import BEHIND, CLOSED, OPEN, SHUT, BgpRouter, PrefixRule
from tests.frr.routers import FIRST, ROUTER, SECOND, SIXTH, random_router, render, templates, with_neighbors

GOLDEN = Path(__file__).parent / "frr.conf"

FULL = with_neighbors(
    replace(SECOND, local_asn=65010, force_med=0, stance=SHUT, keepalive=10, hold=30),
    replace(
        FIRST,
        local_pref=200,
        med=50,
        prepend=2,
        communities=("65000:9300", "64512:1", "64512:1:2"),
        keepalive=10,
        hold=30,
    ),
    replace(SIXTH, stance=BEHIND, force_med=0, keepalive=10, hold=30),
    networks=(ip_network("fd00:20::/64"), ip_network("172.16.21.0/24"), ip_network("172.16.20.0/24")),
    source=ip_address("172.16.20.80"),
    always_compare_med=True,
)


def test_the_whole_text(update: bool) -> None:
    if update:
        GOLDEN.write_text(render(FULL))
    assert render(FULL) == GOLDEN.read_text()


def test_the_order_in_which_neighbours_and_networks_are_given_means_nothing() -> None:
    reverse = replace(FULL, neighbors=FULL.neighbors[::-1], networks=FULL.networks[::-1])
    assert render(reverse) == render(FULL)


@pytest.mark.parametrize("seed", range(20))
def test_the_text_is_read_back_as_it_was_written(seed: int) -> None:
    text = render(random_router(random.Random(seed)))
    assert render_tree(parse_tree(text)) == text
    assert render_tree(sort_tree(parse_tree(text))) == text


def test_a_path_that_should_not_carry_is_closed_by_an_entry_of_its_own_and_told_with_worse_attributes() -> None:
    """So that opening it again takes nothing but that entry away, and puts nothing but attributes back."""
    opened, closed = (
        set(render(with_neighbors(replace(FIRST, med=50, prepend=1, stance=stance), SECOND)).splitlines())
        for stance in (OPEN, CLOSED)
    )
    assert opened - closed == {" set as-path prepend 65000", " set metric 50"}
    assert closed - opened == {
        "route-map appliance-vpc-1-in deny 5",
        " set as-path prepend 65000 65000 65000 65000",
        " set metric 1050",
    }


def test_every_list_ends_in_deny_so_that_none_is_ever_empty() -> None:
    text = render(with_neighbors(replace(FIRST, accept=(), announce=())))
    lists = [line for line in text.splitlines() if " prefix-list " in line and line.startswith("ip ")]
    assert [line.split()[-2:] for line in lists] == [["deny", "any"], ["deny", "any"]]


def test_what_is_neither_ours_nor_listed_is_denied_and_the_first_rule_decides() -> None:
    tree = parse_tree(render(ROUTER))
    rules = inbound_rules(FIRST.address, tree)
    verdicts = {
        "10.0.0.0/16": "permit 0.0.0.0/0 ge 1 le 28",
        "0.0.0.0/0": "deny any",
        "10.0.0.0/29": "deny any",
        "172.16.20.0/24": "deny 172.16.20.0/24 le 32",
        "172.16.20.80/32": "deny 172.16.20.0/24 le 32",
        "169.254.99.0/30": "deny 169.254.0.0/16 le 32",
        "fd00::/48": "deny any",
    }
    assert {text: first_match(ip_network(text), rules) for text in verdicts} == verdicts


def test_a_bound_that_frr_assumes_anyway_is_not_written() -> None:
    net = ip_network("10.0.0.0/8")
    rules = (PrefixRule(True, net, ge=8, le=8), PrefixRule(True, net, ge=8, le=24), PrefixRule(True, net, ge=9))
    text = render(with_neighbors(replace(FIRST, accept=rules)))
    found = [line.split("permit ")[1] for line in text.splitlines() if "-in seq" in line and "permit" in line]
    assert found == ["10.0.0.0/8", "10.0.0.0/8 le 24", "10.0.0.0/8 ge 9"]


def test_a_rule_given_twice_is_written_once() -> None:
    text = render(with_neighbors(replace(FIRST, accept=(*FIRST.accept, *FIRST.accept))))
    assert text == render(with_neighbors(FIRST))


def test_the_keepalive_is_never_more_than_frr_takes() -> None:
    assert "timers 10 30" in render(with_neighbors(replace(FIRST, keepalive=20, hold=30)))


@pytest.mark.parametrize(
    "changed",
    [
        {"connection": "vpc\nno router bgp 65000"},
        {"tunnel": "vpc-1\x00"},
        {"tunnel": "vpc ?"},
        {"tunnel": "vpc | include x"},
        {"tunnel": "vpc\N{LINE SEPARATOR}x"},
        {"communities": ("64512:1 additive\n exit",)},
    ],
)
def test_no_value_can_break_out_of_its_line(changed: dict[str, object]) -> None:
    with pytest.raises((ApplianceError, ValueError)):
        render(with_neighbors(replace(FIRST, **changed)))  # type: ignore[arg-type]


def test_a_template_that_asks_for_what_is_not_there_fails() -> None:
    broken = dict(templates()) | {"neighbor.j2": "{{ peer.nonsense }}\n"}
    with pytest.raises(UndefinedError):
        render_frr(ROUTER, broken)


EXTRA = """
! our own core router
router bgp 65000
 neighbor 172.16.20.1 remote-as 65000
 neighbor 169.254.23.5 timers 5 15
 address-family ipv4 unicast
  neighbor 172.16.20.1 activate
 exit-address-family
exit
ip route 172.16.30.0/24 172.16.20.1
"""


def test_extra_text_joins_our_sections_and_has_the_last_word() -> None:
    tree = parse_tree(render(replace(FULL, extra=EXTRA)))
    router = tree["router bgp 65000",]
    assert "neighbor 172.16.20.1 remote-as 65000" in router
    assert [line for line in router if "169.254.23.5 timers " in line] == [
        "neighbor 169.254.23.5 timers 5 15",
        "neighbor 169.254.23.5 timers connect 10",
    ]
    assert "neighbor 172.16.20.1 activate" in tree["router bgp 65000", "address-family ipv4 unicast"]
    assert "ip route 172.16.30.0/24 172.16.20.1" in tree[()]


def test_extra_text_that_says_nothing_changes_nothing() -> None:
    assert render(replace(FULL, extra="! nothing\n\n")) == render(FULL)


def test_every_line_of_extra_text_that_cannot_be_passed_on_is_a_fault() -> None:
    extra = (
        "hostname x\nrouter bgp 65001\n neighbor 192.0.2.9 remote-as 1\nexit\nip route 10.0.0.0/8 ?\ninterface eth0\n"
    )
    with pytest.raises(FaultyInput) as caught:
        render(replace(FULL, extra=extra))
    assert [(fault.line, fault.message) for fault in caught.value.faults] == [
        (1, "not a line that is passed on to FRR"),
        (2, "another BGP instance"),
        (5, "a character that FRR's command line acts on"),
        (6, "not a line that is passed on to FRR"),
    ]


def test_a_section_ends_with_its_indentation_too() -> None:
    tree = parse_tree(
        "router bgp 65000\n address-family ipv4 unicast\n  maximum-paths 8\nip route 10.0.0.0/8 192.0.2.1\n"
    )
    assert tree == {
        (): ["ip route 10.0.0.0/8 192.0.2.1"],
        ("router bgp 65000",): [],
        ("router bgp 65000", "address-family ipv4 unicast"): ["maximum-paths 8"],
    }


def test_a_router_without_neighbours_is_a_router() -> None:
    text = render(BgpRouter(65000, ip_address("192.0.2.1"), (), ()))  # type: ignore[arg-type]
    assert text.startswith("router bgp 65000\n")
    assert "address-family" not in text


def test_other_templates_make_another_text_whatever_was_made_before() -> None:
    drawn: dict[object, object] = {}
    first = render_frr(ROUTER, dict(templates()), drawn)
    other = dict(templates()) | {"neighbor.j2": dict(templates())["neighbor.j2"].replace("timers connect", "port")}
    assert render_frr(ROUTER, other, drawn) == render_frr(ROUTER, other) != first
    assert render_frr(ROUTER, dict(templates()), drawn) == first
