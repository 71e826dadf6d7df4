"""Mode policy: what selectors name is always policed, leads to the tunnel that carries, and to no interface."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from appliance.design.compose import compose
from appliance.design.numbering import reqid
from appliance.design.policies import policies
from appliance.design.wish import Wish
from appliance.intent.examples import EXAMPLES
from appliance.intent.read import read_intent
from appliance.model.intent import Intent, Selector
from appliance.model.machine import Machine
from appliance.model.resources import (
    CHARON_POLICIES,
    LAST_POLICIES,
    OWN_POLICIES,
    Blackhole,
    FirewallTable,
    IkeConnection,
    Nexthop,
    Route,
    Sysctl,
    XfrmLink,
    XfrmPolicy,
)
from tests.design.wishes import MACHINE, wish_for

OTHER = ip_address("198.51.100.87")
OURS, MORE, THEIRS = (ip_network(text) for text in ("172.16.20.0/24", "172.16.21.0/24", "192.168.0.0/16"))
ONE, TWO = ip_network("192.168.1.0/24"), ip_network("192.168.2.0/24")


def intent() -> Intent:
    found, faults, _ = read_intent(EXAMPLES["policy"])
    assert found is not None, faults
    return found


def wish(**changed: object) -> Wish:
    return wish_for(intent(), **changed)


def outward(wish: Wish) -> dict[tuple[str, str], XfrmPolicy]:
    found = [policy for policy in policies(wish).values() if policy.direction == "out"]
    return {(str(policy.source), str(policy.destination)): policy for policy in found}


def test_there_is_no_interface_and_no_nexthop() -> None:
    assert not [one for one in compose(wish()) if isinstance(one, XfrmLink | Nexthop)]


def test_to_the_best_tunnel_charons_own_policies_lead_and_without_them_nothing_leaves() -> None:
    assert set(outward(wish())) == {(str(OURS), str(THEIRS)), (str(MORE), str(THEIRS))}
    assert all(policy.reqid == 0 and policy.priority in LAST_POLICIES for policy in outward(wish()).values())
    first, second = (ike(wish(), name) for name in ("vco-1", "vco-2"))
    assert first.child.priority in CHARON_POLICIES
    assert first.child.priority < second.child.priority < min(p.priority for p in outward(wish()).values())


def test_to_another_tunnel_policies_of_ours_lead_ahead_of_charons() -> None:
    moved = outward(wish(carrying={"vco": ("vco-2",)})).values()
    assert {(p.reqid, p.outer_source, p.outer_destination) for p in moved} == {
        (reqid("vco"), ip_address("203.0.113.202"), OTHER)
    }
    assert max(policy.priority for policy in moved) < ike(wish(), "vco-1").child.priority


def test_two_tunnels_policies_for_the_same_networks_stand_side_by_side() -> None:
    masks = [ike(wish(), name).child.mask for name in ("vco-1", "vco-2")]
    assert len({0, *masks}) == 3  # ours have none


def test_every_pair_comes_from_either_tunnel() -> None:
    number = reqid("vco")
    inward = [policy for policy in policies(wish()).values() if policy.direction != "out"]
    assert {(p.direction, p.source, p.destination, p.reqid, p.outer_source) for p in inward} == {
        (direction, THEIRS, near, number, None) for direction in ("in", "fwd") for near in (OURS, MORE)
    }


def test_a_switch_moves_outward_policies_and_nothing_else() -> None:
    before, after = compose(wish()), compose(wish(carrying={"vco": ("vco-2",)}))
    moved = after - before
    assert {policy.key for policy in moved if isinstance(policy, XfrmPolicy)} == {
        p.key for p in outward(wish()).values()
    }
    assert len(moved) == 2


def test_with_nothing_to_carry_the_policies_stay() -> None:
    assert policies(wish(carrying={"vco": ()})).keys() == policies(wish()).keys()


def test_without_an_address_of_ours_what_is_named_is_blocked() -> None:
    nowhere = wish(machine=Machine({**MACHINE.interfaces, "eth0": replace(MACHINE.interfaces["eth0"], addresses=())}))
    for who in ("vco-1", "vco-2"):
        assert {policy.reqid for policy in outward(replace(nowhere, carrying={"vco": (who,)})).values()} == {0}


def test_charon_makes_sas_of_all_pairs() -> None:
    for name in ("vco-1", "vco-2"):
        found = ike(wish(), name)
        assert (found.if_id, found.child.reqid) == (0, reqid("vco"))
        assert (found.child.local_ts, found.child.remote_ts) == ((OURS, MORE), (THEIRS,))


def test_what_an_sa_takes_besides_explicit_pairs_is_dropped_ahead_of_charons_policies() -> None:
    chosen = with_selectors(Selector((OURS,), (ONE,)), Selector((MORE,), (TWO,)))
    closed = [p for p in policies(chosen).values() if p.reqid == 0 and p.priority in OWN_POLICIES]
    assert {(p.direction, p.source, p.destination) for p in closed} == {
        *(("out", near, far) for near, far in ((OURS, TWO), (MORE, ONE))),
        *((way, far, near) for near, far in ((OURS, TWO), (MORE, ONE)) for way in ("in", "fwd")),
    }
    assert {p.priority in LAST_POLICIES for p in outward(chosen).values() if p not in closed} == {True}


def test_what_is_dropped_comes_after_what_is_named_where_both_meet() -> None:
    """Of the site's networks one lies in another: what the narrower may reach, the wider may not."""
    chosen = with_selectors(Selector((OURS,), (ONE,)), Selector((OURS.supernet(),), (TWO,)))
    found = outward(chosen)
    named, closed = found[str(OURS), str(ONE)], found[str(OURS.supernet()), str(ONE)]
    assert named.priority < closed.priority
    assert (named.reqid, closed.reqid) == (reqid("vco"), 0)
    assert (str(OURS), str(TWO)) not in found  # lies in what is named


def with_selectors(*selectors: Selector) -> Wish:
    return wish_for(replace(intent(), connections=(replace(intent().connections[0], selectors=selectors),)))


def ike(wish: Wish, name: str) -> IkeConnection:
    return next(one for one in compose(wish) if isinstance(one, IkeConnection) and one.name == name)


def test_without_selectors_all_of_ours_goes_to_all_of_theirs() -> None:
    plain = replace(intent(), connections=(replace(intent().connections[0], selectors=()),))
    assert set(outward(wish_for(plain))) == {(str(OURS), str(THEIRS)), (str(MORE), str(THEIRS))}


def test_what_is_policed_finds_its_way_out_and_no_host_is_sent_elsewhere() -> None:
    found = compose(wish())
    routes = [one for one in found if isinstance(one, Route) and one.prefix == THEIRS]
    assert [(route.link, str(route.gateway)) for route in routes] == [("eth0", "203.0.113.1")]
    assert Blackhole(THEIRS, 0xFF000000) in found
    off = {one.name for one in found if isinstance(one, Sysctl) and one.name.endswith("send_redirects")}
    assert off == {"net.ipv4.conf.all.send_redirects", "net.ipv4.conf.eth0.send_redirects"}


def test_the_filter_lets_in_what_came_out_of_an_sa_and_clamps_it() -> None:
    (table,) = (one for one in compose(wish()) if isinstance(one, FirewallTable))
    pair = f"ip saddr {THEIRS} ip daddr {{ {OURS.supernet()} }}"
    assert f"meta ipsec exists {pair} accept" in table.text
    assert f"{pair} counter name uninvited drop" in table.text
    assert f"{THEIRS} : " in table.text
