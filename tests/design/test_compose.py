"""What a design promises, whatever the intent: order means nothing, connections are apart, nothing is unguarded."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.design.compose import compose
from appliance.design.filtering import compose_filter
from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.design.peering import compose_router
from appliance.firewall.ruleset import render_ruleset
from appliance.model.intent import Announce, Bgp, Esp, Ike, Lan, Management
from appliance.model.resources import (
    Blackhole,
    FirewallTable,
    FrrConfig,
    IkeConnection,
    InsideAddress,
    Resource,
    SharedKey,
    Sysctl,
    XfrmLink,
)
from appliance.plan.diff import make_plan
from appliance.plan.text import describe_change
from tests.design.wishes import MACHINE, UPLINKS, fixed, intents, shuffled, wish_for

LEARNED = st.dictionaries(
    st.sampled_from(["vpc", "lab", "gone"]),
    st.lists(st.sampled_from([ip_network("10.77.0.0/16"), ip_network("2001:db8:7::/48"), ip_network("10.0.1.0/24")])),
)


def of(kind: type, resources: frozenset[Resource]) -> list:
    return [resource for resource in resources if isinstance(resource, kind)]


@given(intent=intents(), seed=st.integers(0, 99))
def test_order_means_nothing(intent, seed) -> None:
    here = compose(wish_for(intent))
    there = compose(wish_for(shuffled(intent, random.Random(seed))))
    assert [describe_change(change) for change in make_plan(there, here)] == []


@given(intent=intents())
def test_another_connection_changes_nothing_of_the_first(intent) -> None:
    first = replace(intent, connections=intent.connections[:1])
    alone, beside = compose(wish_for(first)), compose(wish_for(intent))
    assert {type(resource) for resource in alone - beside} <= {FrrConfig, FirewallTable}
    (before,), (after,) = of(FrrConfig, alone), of(FrrConfig, beside)
    tunnels = first.connections[0].tunnels
    words = [*(str(tunnel.peer_inside) for tunnel in tunnels), *(f"appliance-{tunnel.name}-" for tunnel in tunnels)]
    theirs = re.compile("|".join(rf"{re.escape(word)}(?!\d)" for word in words))
    kept = [line for line in before.text.splitlines() if theirs.search(line)]
    assert len(kept) > 10
    assert set(kept) <= set(after.text.splitlines())


@given(intent=intents(), learned=LEARNED)
def test_every_protected_prefix_has_its_twin_and_its_place_in_the_filter(intent, learned) -> None:
    prefixes = {prefix for found in learned.values() for prefix in found}
    prefixes |= {prefix for connection in intent.connections for prefix in connection.networks}
    resources = compose(wish_for(intent, learned={name: tuple(found) for name, found in learned.items()}))
    twins = of(Blackhole, resources)
    assert {twin.prefix for twin in twins} == prefixes
    assert all(BLACKHOLE_METRIC <= twin.metric < 2**32 for twin in twins)
    (table,) = of(FirewallTable, resources)
    for family, name in ((4, "protected4"), (6, "protected6")):
        inside = elements(table.text, name)
        assert all(covered(prefix, inside) for prefix in prefixes if prefix.version == family)


def elements(text: str, name: str) -> list:
    """The networks in one set of a ruleset."""
    body = re.search(rf"set {name} {{(.*?)\n\t}}", text, re.DOTALL)
    found = re.search(r"elements = {(.*?)}", body[1], re.DOTALL) if body else None
    return [ip_network(word) for word in re.findall(r"[0-9a-f.:]+/?\d*", found[1])] if found else []


def covered(prefix, networks) -> bool:
    return any(prefix.subnet_of(network) for network in networks)


@given(intent=intents())
def test_every_tunnel_is_whole(intent) -> None:
    resources = compose(wish_for(intent))
    links = {link.if_id: link for link in of(XfrmLink, resources)}
    ikes, keys = of(IkeConnection, resources), {key.id: key for key in of(SharedKey, resources)}
    tunnels = [tunnel for connection in intent.connections for tunnel in connection.tunnels]
    assert len(ikes) == len(links) == len(tunnels)
    inside = {address.link for address in of(InsideAddress, resources)}
    settings = {setting.name for setting in of(Sysctl, resources)}
    for ike in ikes:
        link = links[ike.if_id]
        assert link.name in inside
        assert f"net.ipv4.conf.{link.name}.rp_filter" in settings
        assert keys[f"appliance-{ike.name}"].owners == (ike.local_id, ike.remote_id)
        assert len(link.name) <= 15
        assert link.alias.endswith(f"/{ike.name}")


@given(intent=intents())
def test_times_stay_below_what_both_sides_agreed_on(intent) -> None:
    for ike in of(IkeConnection, compose(wish_for(intent))):
        assert ike.rekey_time - ike.rand_time > 0
        assert ike.rekey_time + ike.over_time <= 28800
        assert ike.child.rekey_time < ike.child.life_time <= 3600


@pytest.mark.parametrize("lifetime", [900, 3600, 14400, 28800])
def test_a_shorter_lifetime_rekeys_earlier(lifetime: int) -> None:
    intent = fixed()
    (first, *rest) = intent.connections[0].tunnels
    tunnel = replace(first, ike=Ike(2, first.ike.proposals, lifetime))
    changed = replace(intent, connections=(replace(intent.connections[0], tunnels=(tunnel, *rest)),))
    (ike,) = [one for one in of(IkeConnection, compose(wish_for(changed))) if one.name == first.name]
    assert ike.rekey_time + ike.over_time <= lifetime


@given(ike=st.integers(900, 28800), esp=st.integers(900, 3600))
def test_no_lifetime_lets_both_sides_rekey_at_once(ike: int, esp: int) -> None:
    """AWS rekeys from 540 to 270 seconds before the end, however short the lifetime is."""
    intent = fixed()
    (first, *rest) = intent.connections[0].tunnels
    tunnel = replace(first, ike=Ike(2, first.ike.proposals, ike), esp=Esp(first.esp.proposals, esp))
    changed = replace(intent, connections=(replace(intent.connections[0], tunnels=(tunnel, *rest)),))
    (made,) = [one for one in of(IkeConnection, compose(wish_for(changed))) if one.name == first.name]
    for lifetime, rekey, rand in (
        (ike, made.rekey_time, made.rand_time),
        (esp, made.child.rekey_time, made.child.rand_time),
    ):
        assert rekey - rand > 0
        assert rekey < lifetime - 540
    assert made.rekey_time + made.over_time <= ike + 1


def test_forwarding_of_a_family_only_where_it_is_used() -> None:
    names = {setting.name for setting in of(Sysctl, compose(wish_for(fixed()))) if setting.machine_wide}
    assert "net.ipv4.ip_forward" in names
    assert not any("ipv6" in name for name in names)


def test_a_machine_that_begins_to_forward_goes_on_listening_to_its_routers() -> None:
    (connection, *_) = fixed().connections
    tunnels = tuple(
        replace(tunnel, inside6=ip_interface(f"fd0{n}::2/126"), peer_inside6=ip_address(f"fd0{n}::1"))
        for n, tunnel in enumerate(connection.tunnels)
    )
    intent = replace(fixed(), connections=(replace(connection, tunnels=tunnels),))
    for accept_ra, wanted in ((None, None), (0, None), (1, "2"), (2, "2")):
        eth0 = replace(MACHINE.interfaces["eth0"], accept_ra=accept_ra)
        found = compose(wish_for(intent, machine=replace(MACHINE, interfaces={**MACHINE.interfaces, "eth0": eth0})))
        settings = {setting.name: setting.value for setting in of(Sysctl, found)}
        assert settings["net.ipv6.conf.all.forwarding"] == "1"
        assert settings.get("net.ipv6.conf.eth0.accept_ra") == wanted


def test_no_connection_no_trace() -> None:
    assert compose(wish_for(replace(fixed(), connections=()))) == frozenset()


def test_what_is_down_leaves_its_twins_alone() -> None:
    wish = wish_for(fixed(), down=frozenset({"lab"}), learned={"lab": (ip_network("10.9.4.0/24"),)})
    assert compose(wish) & compose(wish_for(fixed())) >= set(of(Blackhole, compose(wish_for(fixed()))))
    assert {link.name for link in of(XfrmLink, compose(wish))} == {"vpc-1", "vpc-2"}
    unguarded = compose(replace(wish, unprotected=frozenset({"lab"})))
    assert of(Blackhole, unguarded) == []


def test_behind_nat_we_are_who_the_cloud_knows() -> None:
    intent = fixed()
    uplink = replace(intent.uplinks[0], public=ip_address("198.51.100.250"))
    plain, natted = compose(wish_for(intent)), compose(wish_for(replace(intent, uplinks=(uplink,))))
    for ike in of(IkeConnection, natted):
        assert (str(ike.local), ike.local_id) == ("203.0.113.202", "198.51.100.250")
    assert {link.mtu for link in of(XfrmLink, plain)} == {1438}
    assert {link.mtu for link in of(XfrmLink, natted)} == {1422}


def test_a_smaller_uplink_makes_smaller_tunnels() -> None:
    eth0 = replace(MACHINE.interfaces["eth0"], mtu=1400)
    small = compose(wish_for(fixed(), machine=replace(MACHINE, interfaces={**MACHINE.interfaces, "eth0": eth0})))
    assert {link.mtu for link in of(XfrmLink, small)} == {1326}


def test_offline_the_smaller_packet_is_the_safe_choice() -> None:
    offline = compose(wish_for(fixed(), machine=None))
    assert {link.mtu for link in of(XfrmLink, offline)} == {1422}
    assert {ike.local for ike in of(IkeConnection, offline)} == {None}


def test_ours_never_comes_from_a_cloud_and_only_ours_goes_to_it() -> None:
    intent = fixed()
    vpc = replace(intent.connections[0], announce=Announce((ip_network("172.16.20.0/25"),)), bgp=Bgp("ignore"))
    router = compose_router(wish_for(replace(intent, connections=(vpc, intent.connections[1]))))
    assert router is not None
    for neighbor in router.neighbors:
        first = neighbor.accept[0]
        assert (first.permit, str(first.prefix), first.le) == (False, "172.16.20.0/24", 32)
        assert all(rule.permit for rule in neighbor.announce)
    told = {n.connection: [str(rule.prefix) for rule in n.announce] for n in router.neighbors}
    assert told == {"vpc": ["172.16.20.0/25"], "lab": ["172.16.20.0/24"]}
    assert {n.connection: n.force_med for n in router.neighbors} == {"vpc": 0, "lab": None}
    assert {str(network) for network in router.networks} == {"172.16.20.0/24", "172.16.20.0/25"}


def test_named_lans_bind_the_filter_to_their_interfaces() -> None:
    lan = Lan("core", (ip_network("172.16.20.0/24"),), "eth2")
    (table,) = of(FirewallTable, compose(wish_for(replace(fixed(), lans=(lan,)))))
    assert 'iifname "eth2" ip saddr { 172.16.20.0/24 } accept' in table.text
    assert 'oifname "eth2" ip daddr { 172.16.20.0/24 } accept' in table.text


def test_one_cloud_reaches_another_only_where_it_is_told_of_it() -> None:
    assert compose_filter(wish_for(fixed())).transits == ()
    first, second = fixed().connections
    theirs = ip_network("10.77.0.0/16")
    told = replace(first, announce=Announce(networks=(*fixed().site.networks, theirs)))
    intent = replace(fixed(), connections=(told, replace(second, networks=(theirs,))))
    (found,) = compose_filter(wish_for(intent)).transits
    links = [tuple(tunnel.name for tunnel in one.tunnels) for one in (first, second)]
    assert (found.links, found.beyond, found.networks) == (links[0], links[1], (theirs,))
    router = compose_router(wish_for(intent))
    assert router is not None
    assert {one.connection for one in router.neighbors if theirs in {rule.prefix for rule in one.announce}} == {"vpc"}


def test_who_administers_the_box_stands_in_the_filter_of_our_own_image() -> None:
    said = Management(sources=(ip_network("172.16.99.0/24"),), interfaces=("eth2",))
    intent = replace(fixed(), management=said)
    text = {ours: render_ruleset(compose_filter(wish_for(intent, host_is_ours=ours))) for ours in (True, False)}
    assert 'iifname { "eth2" } ip saddr { 172.16.99.0/24 } tcp dport { 22 } accept' in text[True]
    assert "172.16.99.0/24" not in text[False]
    shut = wish_for(replace(intent, management=replace(said, ssh=False)), host_is_ours=True)
    assert "172.16.99.0/24" not in render_ruleset(compose_filter(shut))


def test_a_stated_mss_is_kept_where_it_fits() -> None:
    intent = fixed()
    (first, second) = intent.connections[0].tunnels
    tunnels = (replace(first, mss=1379), replace(second, mss=1460))
    changed = replace(intent, connections=(replace(intent.connections[0], tunnels=tunnels),))
    guards = {guard.interface: (guard.mss, guard.mss6) for guard in compose_filter(wish_for(changed)).tunnels}
    assert guards == {"vpc-1": (1379, 1378), "vpc-2": (1398, 1378)}


def test_a_tunnels_peer_comes_in_by_its_own_uplink_only() -> None:
    intent = replace(fixed(), uplinks=UPLINKS)
    (first, second) = intent.connections[0].tunnels
    tunnels = (replace(first, uplink="isp1"), replace(second, uplink="isp2"))
    changed = replace(intent, connections=(replace(intent.connections[0], tunnels=tunnels),))
    (table,) = of(FirewallTable, compose(wish_for(changed)))
    peers = re.findall(r'"eth\d" \. 198[\d.]+', table.text)
    assert peers == ['"eth0" . 198.51.100.7', '"eth1" . 198.51.100.71']
