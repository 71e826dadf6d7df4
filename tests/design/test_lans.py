"""Networks behind us: reached through their router, announced while they are there; and which connection goes first."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from appliance.design.compose import compose
from appliance.design.filtering import lan_guards
from appliance.design.peering import compose_router
from appliance.design.routing import lan_addresses
from appliance.design.wish import Wish
from appliance.model.intent import Intent, Lan
from appliance.model.machine import Machine
from appliance.model.peering import BEHIND
from appliance.model.resources import FrrConfig, Route
from tests.design.wishes import MACHINE, fixed, wish_for

CORE, DMZ = ip_network("172.16.20.0/24"), ip_network("172.16.30.0/24")
LANS = (Lan("core", (CORE,), "eth2"), Lan("dmz", (DMZ,), "eth3", ip_address("172.16.29.1")))


def site(lans: tuple[Lan, ...] = LANS) -> Intent:
    intent = fixed()
    return replace(intent, lans=lans, site=replace(intent.site, networks=(CORE, DMZ)))


def machine(**changed: object) -> Machine:
    """With an interface for the second LAN; ``changed`` there."""
    there = replace(MACHINE.interfaces["eth2"], name="eth3", addresses=())
    return replace(MACHINE, interfaces={**MACHINE.interfaces, "eth3": replace(there, **changed)})  # type: ignore[arg-type]


def told(wish: Wish) -> set[str]:
    router = compose_router(wish)
    assert router is not None
    each = [{str(rule.prefix) for rule in neighbor.announce} for neighbor in router.neighbors]
    assert all(one == each[0] for one in each)
    return each[0]


def test_a_network_behind_a_router_is_routed_to_it() -> None:
    routes = [one for one in compose(wish_for(site(), machine=machine())) if isinstance(one, Route)]
    assert [(str(r.gateway), r.link) for r in routes if r.prefix == DMZ] == [("172.16.29.1", "eth3")]
    assert not [route for route in routes if route.prefix == CORE]


def test_a_lan_that_is_gone_is_announced_no_more() -> None:
    assert told(wish_for(site(), machine=machine())) == {str(CORE), str(DMZ)}
    for lost in (machine(running=False), machine(up=False), MACHINE):
        assert told(wish_for(site(), machine=lost)) == {str(CORE)}


def test_a_lan_on_two_interfaces_is_there_with_either() -> None:
    twice = (*LANS, Lan("dmz2", (DMZ,), "eth2"))
    assert told(wish_for(site(twice), machine=machine(running=False))) == {str(CORE), str(DMZ)}


def test_part_of_a_network_is_enough_to_announce_it() -> None:
    halves = tuple(
        Lan(f"half{n}", (half,), link)
        for n, (half, link) in enumerate(zip(DMZ.subnets(), ("eth2", "eth3"), strict=True))
    )
    assert str(DMZ) in told(wish_for(site((*LANS[:1], *halves)), machine=machine(running=False)))


def test_without_named_lans_and_offline_everything_is_announced() -> None:
    assert told(wish_for(site(()), machine=MACHINE)) == {str(CORE), str(DMZ)}
    assert told(wish_for(site(), machine=None)) == {str(CORE), str(DMZ)}


def test_no_session_ends_over_it() -> None:
    """The neighbours stay as they are: only what they are told differs."""
    texts = []
    for at in (machine(), machine(running=False)):
        (config,) = (one for one in compose(wish_for(site(), machine=at)) if isinstance(one, FrrConfig))
        texts.append({line for line in config.text.splitlines() if " remote-as " in line or " timers " in line})
    assert texts[0] == texts[1]


def test_the_connection_with_the_lower_priority_goes_first() -> None:
    intent = fixed()
    (first, second) = intent.connections
    ranked = replace(intent, connections=(replace(first, priority=10), replace(second, priority=20)))
    preferences = {n.connection: n.local_pref for n in compose_router(wish_for(ranked)).neighbors}  # type: ignore[union-attr]
    assert preferences[first.name] > preferences[second.name]  # type: ignore[operator]
    assert min(preferences.values()) >= 100  # type: ignore[type-var]


def test_a_tunnel_that_stands_behind_is_still_before_the_connection_that_goes_later() -> None:
    intent = fixed()
    (first, second) = intent.connections
    near = replace(intent, connections=(replace(first, priority=10), replace(second, priority=11)))
    behind = {tunnel.name: BEHIND for tunnel in first.tunnels[1:]}
    router = compose_router(wish_for(near, stances=behind))
    assert router is not None
    ordered = [n.preference or 0 for n in router.neighbors if n.connection == first.name]
    later = [n.preference or 0 for n in router.neighbors if n.connection == second.name]
    assert max(ordered) > min(ordered) > max(later) >= 100


def test_equal_priorities_are_one_group() -> None:
    intent = fixed()
    same = replace(intent, connections=tuple(replace(one, priority=7) for one in intent.connections))
    assert {n.local_pref for n in compose_router(wish_for(same)).neighbors} == {None}  # type: ignore[union-attr]


def test_a_box_on_one_leg_lets_its_lan_in_by_the_uplink() -> None:
    """Nothing is named: what else has an address in the site's networks but the uplink?"""
    leg = replace(MACHINE.interfaces["eth0"], addresses=(ip_interface("172.16.20.80/24"),))
    wish = wish_for(replace(site(()), uplinks=fixed().uplinks), machine=replace(MACHINE, interfaces={"eth0": leg}))
    guards = {guard.interface: guard.networks for guard in lan_guards(wish)}
    assert guards == {None: (CORE, DMZ), "eth0": (CORE,)}
    apart = {guard.interface for guard in lan_guards(wish_for(site(())))}
    assert apart == {None}


def test_our_addresses_in_networks_of_ours_are_those_that_clouds_have_a_way_to() -> None:
    def at(*addresses: str, up: bool = True) -> Machine:
        there = tuple(map(ip_interface, addresses))
        return replace(MACHINE, interfaces={**MACHINE.interfaces, "eth3": replace(MACHINE.interfaces["eth2"],
                                            name="eth3", addresses=there, up=up)})  # fmt: skip

    found = lan_addresses(wish_for(site(), machine=at("172.16.30.9/24", "172.16.30.2/24", "10.5.5.5/24")))
    assert [str(address) for address in found] == ["172.16.20.1", "172.16.30.2", "172.16.30.9"]
    assert [str(one) for one in lan_addresses(wish_for(site(), machine=at("172.16.30.9/24", up=False)))] == [
        "172.16.20.1"
    ]
    assert lan_addresses(wish_for(site(), machine=None)) == ()
