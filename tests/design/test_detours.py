"""Which tunnels are left for which others, and what stays on a tunnel that is left."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.design.compose import compose
from appliance.design.detours import changed_detours, detours, lacks_detours
from appliance.design.tunnels import tunnel_link
from appliance.design.wish import Wish
from appliance.model.change import Change
from appliance.model.intent import ConnectionProbe, Intent, ProbeTarget
from appliance.model.peering import BEHIND, CLOSED, SHUT
from appliance.model.resources import Detour
from tests.design.wishes import MACHINE, fixed, intents, wish_for

ABLE = replace(MACHINE, redirects=True)


def around(intent: Intent, **stances: str) -> dict[str, str]:
    wish = wish_for(intent, machine=ABLE, stances={name.replace("_", "-"): one for name, one in stances.items()})
    return {one.link: one.via for one in detours(wish)}


def changed(**fields: object) -> Intent:
    made = (replace(one, **fields) for one in fixed().connections)  # type: ignore[arg-type]
    return replace(fixed(), connections=tuple(made))


def test_a_closed_tunnel_is_left_for_an_open_one_of_its_connection() -> None:
    assert around(fixed()) == {}
    assert around(fixed(), vpc_1=CLOSED) == {"vpc-1": "vpc-2"}
    assert around(fixed(), vpc_2=SHUT) == {"vpc-2": "vpc-1"}
    assert around(fixed(), vpc_1=CLOSED, lab_2=SHUT) == {"vpc-1": "vpc-2", "lab-2": "lab-1"}


def test_what_works_and_waits_is_not_left() -> None:
    assert around(fixed(), vpc_1=BEHIND) == {}
    assert around(fixed(), vpc_1=CLOSED, vpc_2=BEHIND) == {}


@pytest.mark.parametrize("fields", [{"mode": "static"}, {"speaker": "exabgp"}])
def test_what_we_route_ourselves_is_switched_by_its_routes(fields: dict[str, object]) -> None:
    assert around(changed(**fields), vpc_1=CLOSED) == {}


def test_a_machine_that_cannot_has_none_and_knows_that_it_would() -> None:
    closed = wish_for(fixed(), stances={"vpc-1": CLOSED})
    assert detours(closed) == set()
    assert lacks_detours(closed)
    assert not lacks_detours(replace(closed, machine=ABLE))
    assert not lacks_detours(replace(closed, stances={}))
    assert not lacks_detours(replace(closed, machine=None))


def test_another_probe_makes_it_another_detour() -> None:
    def detour(wish: Wish) -> Detour:
        (one,) = detours(replace(wish, machine=ABLE, stances={"vpc-1": CLOSED}))
        return one

    beyond = ProbeTarget("icmp", ip_address("10.0.0.9"))
    usual, other = detour(wish_for(fixed())), detour(wish_for(changed(probe=ConnectionProbe((beyond,)))))
    assert usual == detour(wish_for(fixed()))
    assert usual != other
    assert (ip_network("169.254.23.6/32"), ip_network("10.0.0.9/32")) in set(other.stays) - set(usual.stays)


def test_bgp_and_what_bears_the_tunnels_own_address_stay_on_it() -> None:
    (one,) = detours(wish_for(fixed(), machine=ABLE, stances={"vpc-1": CLOSED}))
    assert {(ip_network("169.254.23.6/32"), None), (None, ip_network("169.254.23.4/30"))} <= set(one.stays)


def test_where_a_tunnel_has_no_address_of_its_own_who_is_asked_is_asked_from_ours_over_it() -> None:
    bare = tuple(replace(one, inside=None, peer_inside=None) for one in fixed().connections[0].tunnels)
    asked = ConnectionProbe((ProbeTarget("icmp", ip_address("10.0.0.9")),))
    intent = replace(fixed(), connections=(replace(fixed().connections[0], tunnels=bare, probe=asked),))
    (one,) = detours(wish_for(intent, machine=ABLE, stances={bare[0].name: CLOSED}))
    assert one.stays == ((ip_network("172.16.20.1/32"), ip_network("10.0.0.9/32")),)


@given(intents(), st.data())
def test_none_leads_to_one_that_is_left_itself_or_to_another_connection(intent: Intent, data: st.DataObject) -> None:
    names = [tunnel.name for connection in intent.connections for tunnel in connection.tunnels]
    stances = data.draw(st.dictionaries(st.sampled_from(names), st.sampled_from([BEHIND, CLOSED, SHUT])))
    wish = wish_for(intent, machine=ABLE, stances=stances)
    found = {one for one in compose(wish) if isinstance(one, Detour)}
    assert found == detours(wish)
    owner = {tunnel_link(tunnel): one.name for one in intent.connections for tunnel in one.tunnels}
    held = {tunnel_link(tunnel): stances.get(tunnel.name) for one in intent.connections for tunnel in one.tunnels}
    for one in found:
        assert held[one.link] in (CLOSED, SHUT)
        assert held[one.via] is None
        assert owner[one.link] == owner[one.via]


def test_of_two_that_change_places_the_one_ends_before_the_other_begins() -> None:
    there, back = Detour("vpc-1", "vpc-2", 1), Detour("vpc-2", "vpc-1", 2)
    assert changed_detours([there], [back]) == [Change(there, None), Change(None, back)]
    assert changed_detours([there], [there]) == []
    elsewhere = Detour("vpc-1", "vpc-3", 1)
    assert changed_detours([there], [elsewhere]) == [Change(there, elsewhere)]
