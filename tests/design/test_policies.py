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

FAR, OTHER = ip_address("198.51.100.151"), ip_address("198.51.100.87")
OURS, MORE, THEIRS = (ip_network(text) for text in ("172.16.20.0/24", "172.16.21.0/24", "192.168.0.0/16"))


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


def test_every_pair_leads_to_the_best_tunnel_and_comes_from_either() -> None:
    number = reqid("vco")
    assert set(outward(wish())) == {(str(OURS), str(THEIRS)), (str(MORE), str(THEIRS))}
    for policy in outward(wish()).values():
        assert (policy.reqid, policy.outer_source, policy.outer_destination) == (
            number,
            ip_address("203.0.113.202"),
            FAR,
        )
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
    assert {p.outer_destination for p in moved if isinstance(p, XfrmPolicy)} == {OTHER}


def test_with_nothing_to_carry_the_policies_stay() -> None:
    assert policies(wish(carrying={"vco": ()})).keys() == policies(wish()).keys()


def test_without_an_address_of_ours_what_is_named_is_blocked() -> None:
    nowhere = wish(machine=Machine({**MACHINE.interfaces, "eth0": replace(MACHINE.interfaces["eth0"], addresses=())}))
    assert {policy.reqid for policy in outward(nowhere).values()} == {0}


def test_charon_makes_sas_of_all_pairs_and_no_policies() -> None:
    (first, second) = sorted((o for o in compose(wish()) if isinstance(o, IkeConnection)), key=lambda ike: ike.name)
    for ike in (first, second):
        assert (ike.if_id, ike.child.reqid) == (0, reqid("vco"))
        assert (ike.child.local_ts, ike.child.remote_ts) == ((OURS, MORE), (THEIRS,))


def test_explicit_pairs_are_no_cross_product() -> None:
    apart = (Selector((OURS,), (ip_network("192.168.1.0/24"),)), Selector((MORE,), (ip_network("192.168.2.0/24"),)))
    chosen = replace(intent(), connections=(replace(intent().connections[0], selectors=apart),))
    assert set(outward(wish_for(chosen))) == {(str(OURS), "192.168.1.0/24"), (str(MORE), "192.168.2.0/24")}


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
