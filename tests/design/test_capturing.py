"""A default route through a tunnel serves what LANs send; the machine's own packets, IKE and ESP too, go as before."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.design.capturing import capturing_resources
from appliance.design.compose import compose
from appliance.design.filtering import compose_filter
from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.design.routing import protected_prefixes
from appliance.design.wish import Wish
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Accept, Intent
from appliance.model.resources import DEFAULT_TABLE, MAIN_TABLE, Blackhole, FrrConfig, Resource, Route, Rule
from tests.design.wishes import fixed, wish_for

EVERYTHING = ip_network("0.0.0.0/0")
LEARNED = {"vpc": (EVERYTHING, ip_network("10.40.0.0/16"))}
LAN_HOST, UPLINK, SOMEWHERE = ip_address("172.16.20.10"), ip_address("203.0.113.202"), ip_address("192.0.2.99")


def taking() -> Intent:
    """The first connection takes a default route from its cloud."""
    first, *others = fixed().connections
    return replace(fixed(), connections=(replace(first, accept=Accept(default_route=True)), *others))


def static() -> Intent:
    """The first connection has static routes, a default route among them."""
    first, *others = fixed().connections
    asked = replace(first, mode="static", networks=(*first.networks, EVERYTHING))
    return replace(fixed(), connections=(asked, *others))


def table_of(resources: frozenset[Resource], source: IPAddress, remote: IPAddress, *, own: bool) -> int:
    """Where a packet that no route but a default one takes is looked up, by our rules in their order."""
    for rule in sorted((one for one in resources if isinstance(one, Rule)), key=lambda rule: rule.priority):
        routes = [one for one in resources if isinstance(one, Route) and one.table == rule.table]
        fits = (rule.source is None or source in rule.source) and (rule.incoming is None or own)
        if not fits or rule.no_default:
            continue
        if rule.table in (MAIN_TABLE, DEFAULT_TABLE) or any(remote in route.prefix for route in routes):
            return rule.table
    return MAIN_TABLE


@pytest.mark.parametrize("wish", [wish_for(taking(), learned=LEARNED), wish_for(static())], ids=["bgp", "static"])
def test_what_a_lan_sends_takes_the_default_route_and_nothing_else_does(wish: Wish) -> None:
    found = compose(wish)
    assert table_of(found, LAN_HOST, SOMEWHERE, own=False) == DEFAULT_TABLE
    assert table_of(found, LAN_HOST, SOMEWHERE, own=True) == MAIN_TABLE
    assert table_of(found, UPLINK, SOMEWHERE, own=True) == MAIN_TABLE
    for _, tunnel in wish.tunnels:
        assert table_of(found, UPLINK, tunnel.remote, own=True) not in (MAIN_TABLE, DEFAULT_TABLE)
    assert {one.table for one in found if isinstance(one, Route) and one.prefix == EVERYTHING} <= {DEFAULT_TABLE}


def test_it_ends_in_a_blackhole_and_not_in_the_clear() -> None:
    wish = wish_for(taking(), learned=LEARNED)
    assert Blackhole(EVERYTHING, BLACKHOLE_METRIC, DEFAULT_TABLE) in compose(wish)
    assert compose_filter(wish).captured == (4,)
    assert compose(replace(wish, down=frozenset({"vpc"}))) >= capturing_resources(wish)


def test_the_machine_itself_is_not_protected_from_everything() -> None:
    assert EVERYTHING not in protected_prefixes(wish_for(taking(), learned=LEARNED))
    assert EVERYTHING not in protected_prefixes(wish_for(static()))


def test_until_a_cloud_has_announced_one_lans_go_as_before() -> None:
    assert not capturing_resources(wish_for(taking()))
    assert compose_filter(wish_for(taking())).captured == ()


def test_who_takes_none_any_more_is_led_nowhere() -> None:
    assert not capturing_resources(wish_for(fixed(), learned=LEARNED))


def test_frr_puts_it_into_the_table_of_lans() -> None:
    (text,) = (one.text for one in compose(wish_for(taking())) if isinstance(one, FrrConfig))
    assert text.count(f"set table {DEFAULT_TABLE}") == len(taking().connections[0].tunnels)
    (text,) = (one.text for one in compose(wish_for(fixed())) if isinstance(one, FrrConfig))
    assert "set table" not in text


def test_each_network_of_ours_has_a_rule_of_its_own_whatever_their_number() -> None:
    many: tuple[IPNetwork, ...] = tuple(ip_network(f"172.{16 + n // 256}.{n % 256}.0/24") for n in range(1000))
    intent = replace(taking(), site=replace(taking().site, networks=many), lans=())
    rules = [one for one in capturing_resources(wish_for(intent, learned=LEARNED)) if isinstance(one, Rule)]
    assert {rule.source for rule in rules if rule.source} == set(many)
    assert len({rule.key for rule in rules}) == len(rules)
