"""IKE and ESP of a tunnel leave by its own uplink, whatever else is routed; without a way out nothing is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from hypothesis import given

from appliance.design.compose import compose
from appliance.design.egress import egress_resources
from appliance.design.filtering import compose_filter
from appliance.design.numbering import uplink_table
from appliance.design.tunnels import tunnel_mtu
from appliance.design.underlay import lack_of, underlay_of
from appliance.design.wish import Wish
from appliance.firewall.ruleset import render_ruleset
from appliance.model.address import IPAddress
from appliance.model.intent import Intent, Uplink
from appliance.model.machine import DefaultRoute, Interface, Machine
from appliance.model.resources import MAIN_TABLE, IkeConnection, Resource, Route, Rule
from tests.design.wishes import MACHINE, UPLINKS, fixed, intents, wish_for


def all_egress(wish: Wish) -> frozenset[Resource]:
    found, main_routes = egress_resources(wish)
    return main_routes.union(*found)


GATEWAYS = {"eth0": ip_address("203.0.113.1"), "eth1": ip_address("192.168.7.1")}


def dual() -> Intent:
    """Two connections of two tunnels; the second tunnel of each by the second uplink."""
    intent = fixed()
    apart = tuple(
        replace(c, tunnels=tuple(replace(t, uplink=u.name) for t, u in zip(c.tunnels, UPLINKS, strict=True)))
        for c in intent.connections
    )
    return replace(intent, connections=apart, uplinks=UPLINKS)


def leaves_by(wish: Wish, source: IPAddress, remote: IPAddress) -> tuple[str | None, IPAddress | None] | None:
    """Link and gateway of a packet from us to a far end by the rules and tables of ours alone; None: the main table."""
    found = all_egress(wish)
    rules = sorted((r for r in found if isinstance(r, Rule)), key=lambda rule: rule.priority)
    for rule in rules:
        assert rule.source is not None
        for route in (r for r in found if isinstance(r, Route) and r.table == rule.table):
            if source in rule.source and remote in route.prefix:
                return route.link, route.gateway
    return None


@given(intent=intents())
def test_each_tunnel_leaves_by_its_own_uplink(intent: Intent) -> None:
    wish = wish_for(intent)
    links = {uplink.name: uplink.interface for uplink in intent.uplinks}
    own = {link: next(a.ip for a in i.addresses) for link, i in MACHINE.interfaces.items()}
    for _, tunnel in wish.tunnels:
        link = links[tunnel.uplink or intent.uplinks[0].name]
        assert leaves_by(wish, own[link], tunnel.remote) == (link, GATEWAYS[link])


def test_other_traffic_of_an_uplinks_address_goes_its_usual_way() -> None:
    tables = [r for r in all_egress(wish_for(dual())) if isinstance(r, Route) and r.table != MAIN_TABLE]
    assert {str(route.prefix) for route in tables} == {f"{t.remote}/32" for c in dual().connections for t in c.tunnels}


def test_who_names_no_source_goes_the_same_way() -> None:
    routes = [r for r in all_egress(wish_for(dual())) if isinstance(r, Route) and r.table == MAIN_TABLE]
    by_link = {(str(route.prefix), route.link, route.gateway) for route in routes}
    assert by_link == {
        (f"{tunnel.remote}/32", uplink.interface, GATEWAYS[uplink.interface])
        for connection in dual().connections
        for tunnel, uplink in zip(connection.tunnels, UPLINKS, strict=True)
    }


def test_one_uplink_needs_no_route_in_the_main_table_unless_its_gateway_is_stated() -> None:
    stated = replace(fixed(), uplinks=(replace(fixed().uplinks[0], gateway=GATEWAYS["eth0"]),))
    in_main = {
        name: {str(r.prefix) for r in all_egress(wish_for(i)) if isinstance(r, Route) and r.table == MAIN_TABLE}
        for name, i in (("auto", fixed()), ("stated", stated))
    }
    assert in_main["auto"] == set()
    assert in_main["stated"] == {f"{t.remote}/32" for c in stated.connections for t in c.tunnels}


def test_a_new_lease_moves_its_own_tunnels_and_no_others() -> None:
    before = compose(wish_for(dual()))
    after = compose(wish_for(dual(), machine=machine({"eth1": "192.168.9.2/24"}, {"eth1": ip_address("192.168.9.1")})))
    moved = {ike.name for ike in after - before if isinstance(ike, IkeConnection)}
    assert moved == {connection.tunnels[1].name for connection in dual().connections}
    links = {route.link for route in (after - before) | (before - after) if isinstance(route, Route)}
    assert links == {"eth1"}


def test_a_new_gateway_alone_moves_routes_and_no_tunnel() -> None:
    before = compose(wish_for(dual()))
    after = compose(wish_for(dual(), machine=machine({}, {"eth1": ip_address("192.168.7.254")})))
    assert {type(resource) for resource in (after - before) | (before - after)} == {Route}


def test_without_an_address_a_tunnel_is_not_tried_from_elsewhere() -> None:
    gone = wish_for(dual(), machine=machine({"eth1": None}, {}))
    standing = {ike.name for ike in compose(gone) if isinstance(ike, IkeConnection)}
    assert standing == {connection.tunnels[0].name for connection in dual().connections}
    lacks = {tunnel.name: lack_of(gone, tunnel) for _, tunnel in gone.tunnels}
    assert {lack for name, lack in lacks.items() if name not in standing} == {"eth1 has no IPv4 address"}


def test_what_is_missing_is_named() -> None:
    (connection, *_), first = fixed().connections, fixed().connections[0].tunnels[0]
    assert connection
    bare = replace(fixed(), uplinks=())
    assert "no uplink is known" in str(lack_of(wish_for(bare, machine=Machine()), first))
    astray = replace(fixed(), uplinks=(replace(fixed().uplinks[0], interface="wan9"),))
    assert lack_of(wish_for(astray), first) == "there is no interface wan9"
    moved = replace(fixed(), uplinks=(replace(fixed().uplinks[0], address=ip_address("203.0.113.9")),))
    assert lack_of(wish_for(moved), first) == "eth0 does not have the address 203.0.113.9"
    dry = wish_for(dual(), machine=replace(MACHINE, defaults=MACHINE.defaults[:1]))
    assert lack_of(dry, dual().connections[0].tunnels[1]) == "no gateway is known on eth1"
    assert lack_of(wish_for(bare, machine=None), first) is None


def test_a_line_without_a_gateway_is_a_way_out() -> None:
    lines = Machine(MACHINE.interfaces, (MACHINE.defaults[0], DefaultRoute("eth1", None, 200, 4)))
    wish = wish_for(dual(), machine=lines)
    remote = dual().connections[0].tunnels[1].remote
    assert leaves_by(wish, ip_address("192.168.7.2"), remote) == ("eth1", None)


def test_a_far_end_on_the_link_is_a_neighbour() -> None:
    intent = fixed()
    (first, second) = intent.connections[0].tunnels
    near = replace(first, remote=ip_address("203.0.113.77"))
    beside = replace(intent, connections=(replace(intent.connections[0], tunnels=(near, second)),))
    assert leaves_by(wish_for(beside), ip_address("203.0.113.202"), near.remote) == ("eth0", None)


def test_over_ipv6_rules_and_routes_are_of_that_family() -> None:
    intent = fixed()
    far = tuple(replace(t, remote=ip_address(f"2001:db8:ff::{n}")) for n, t in enumerate(intent.connections[0].tunnels))
    six = replace(intent, uplinks=(Uplink("isp1", "eth0"),), connections=(replace(intent.connections[0], tunnels=far),))
    eth0 = replace(MACHINE.interfaces["eth0"], addresses=(ip_interface("2001:db8:1::2/64"),))
    way = DefaultRoute("eth0", ip_address("2001:db8:1::1"), 1024, 6)
    wish = wish_for(six, machine=Machine({**MACHINE.interfaces, "eth0": eth0}, (way,)))
    found = all_egress(wish)
    assert {rule.family for rule in found if isinstance(rule, Rule)} == {6}
    assert {route.prefix for route in found if isinstance(route, Route)} == {ip_network(t.remote) for t in far}
    assert leaves_by(wish, ip_address("2001:db8:1::2"), far[0].remote) == ("eth0", ip_address("2001:db8:1::1"))


def test_tables_are_apart() -> None:
    tables = {uplink_table(f"eth{n}") for n in range(64)}
    assert len(tables) == 64
    assert min(tables) > 255


def machine(addresses: Mapping[str, str | None], gateways: Mapping[str, IPAddress]) -> Machine:
    """The machine with other addresses and gateways on some links; no address: no default route there either."""
    interfaces = {
        name: replace(one, addresses=tuple(ip_interface(a) for a in (addresses[name],) if a))
        if name in addresses
        else one
        for name, one in MACHINE.interfaces.items()
    }
    defaults = tuple(
        replace(route, gateway=gateways.get(route.link, route.gateway))
        for route in MACHINE.defaults
        if addresses.get(route.link, "") is not None
    )
    return Machine(interfaces, defaults)


def test_a_gateway_that_nobody_on_the_link_would_answer_for_is_said() -> None:
    intent = fixed()
    first = intent.connections[0].tunnels[0]

    def lacking(gateway: str) -> str | None:
        uplink = Uplink("isp1", "eth0", gateway=ip_address(gateway))
        return lack_of(wish_for(replace(intent, uplinks=(uplink,))), first)

    assert lacking("203.0.113.77") is None
    assert lacking("192.0.2.1") == "the gateway 192.0.2.1 is in no network of eth0: nobody there would answer for it"
    alone = replace(
        MACHINE, interfaces={"eth0": replace(MACHINE.interfaces["eth0"], addresses=(ip_interface("203.0.113.202/32"),))}
    )
    given = replace(intent, uplinks=(Uplink("isp1", "eth0", gateway=ip_address("203.0.113.1")),))
    assert lack_of(wish_for(given, machine=alone), first) is None, "a cloud's own machines have it so"


def test_two_uplinks_on_one_interface_lead_to_one_far_end_by_two_gateways() -> None:
    first, second = ip_address("203.0.113.202"), ip_address("192.0.2.9")
    gateways = ip_address("203.0.113.1"), ip_address("192.0.2.1")
    (connection, *_), remote = fixed().connections, fixed().connections[0].tunnels[0].remote
    tunnels = tuple(
        replace(tunnel, remote=remote, uplink=name)
        for tunnel, name in zip(connection.tunnels, ("isp1", "isp2"), strict=True)
    )
    uplinks = (Uplink("isp1", "eth0", first), Uplink("isp2", "eth0", second))
    intent = replace(fixed(), uplinks=uplinks, connections=(replace(connection, tunnels=tunnels),))
    eth0 = replace(MACHINE.interfaces["eth0"], addresses=(ip_interface(f"{first}/24"), ip_interface(f"{second}/24")))
    defaults = tuple(DefaultRoute("eth0", gateway, metric, 4) for metric, gateway in enumerate(gateways))
    wish = wish_for(intent, machine=Machine({**MACHINE.interfaces, "eth0": eth0}, defaults))
    assert [leaves_by(wish, ours, remote) for ours in (first, second)] == [("eth0", gateway) for gateway in gateways]
    assert {ike.local for ike in compose(wish) if isinstance(ike, IkeConnection)} == {first, second}


def test_over_pppoe_a_tunnel_leaves_by_the_line_and_is_smaller() -> None:
    line = Interface("ppp0", 1492, True, (ip_interface("203.0.113.202/32"),), kind="ppp")
    way = DefaultRoute("ppp0", None, 0, 4)
    intent = replace(fixed(), uplinks=(Uplink("dsl", "ppp0"),))
    wish = wish_for(intent, machine=Machine({**MACHINE.interfaces, "ppp0": line}, (way,)))
    wider = wish_for(intent, machine=Machine({**MACHINE.interfaces, "ppp0": replace(line, mtu=1500)}, (way,)))
    for connection, tunnel in wish.tunnels:
        assert lack_of(wish, tunnel) is None
        assert leaves_by(wish, line.addresses[0].ip, tunnel.remote) == ("ppp0", None)
        assert tunnel_mtu(wish, connection, tunnel) < tunnel_mtu(wider, connection, tunnel)


def test_over_a_private_line_the_far_end_may_be_a_private_address() -> None:
    (connection, *others), remote = fixed().connections, ip_address("10.255.0.7")
    near = tuple(replace(tunnel, remote=remote + n) for n, tunnel in enumerate(connection.tunnels))
    wish = wish_for(replace(fixed(), connections=(replace(connection, tunnels=near), *others)))
    assert leaves_by(wish, ip_address("203.0.113.202"), remote) == ("eth0", GATEWAYS["eth0"])
    text = render_ruleset(compose_filter(wish))
    assert str(remote) in text.split("set remotes4")[1].split("}")[0]


def test_nat_is_detected_by_addresses_or_forced() -> None:
    tunnel = fixed().connections[0].tunnels[0]
    direct = wish_for(replace(fixed(), uplinks=(replace(fixed().uplinks[0], public=None),)))
    behind = wish_for(replace(fixed(), uplinks=(replace(fixed().uplinks[0], public=ip_address("198.51.100.9")),)))
    forced = replace(tunnel, encap=True)
    assert [underlay_of(wish, one).nat for wish, one in ((direct, tunnel), (behind, tunnel), (direct, forced))] == [
        False, True, True,
    ]  # fmt: skip
    for one in (False, True):
        first, *rest = direct.intent.connections[0].tunnels
        tunnels = (replace(first, encap=one), *rest)
        intent = replace(direct.intent, connections=(replace(direct.intent.connections[0], tunnels=tunnels),))
        (ike,) = (c for c in compose(wish_for(intent)) if isinstance(c, IkeConnection) and c.name == first.name)
        assert ike.encap is one
