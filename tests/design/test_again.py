"""Whatever changes between two wishes: composed by what was composed before, the second is what it is by itself."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface, ip_network

import pytest

from appliance.design.compose import Composed, compose_again
from appliance.design.wish import Wish
from appliance.firewall.amending import find_amendment, find_difference
from appliance.frr.pieces import Pieces
from appliance.frr.pieces import find_difference as find_other_pieces
from appliance.model.drawn import Drawn
from appliance.model.intent import Announce, Bgp, Connection, Esp, Intent, Lan, Nat, SecretRef, Site, Tunnel, Uplink
from appliance.model.machine import Interface, Machine
from appliance.model.peering import BEHIND, CLOSED
from appliance.model.resources import FirewallTable, FrrConfig, SharedKey
from appliance.model.secret import Secret
from tests.design.wishes import MACHINE, UPLINKS, templates

MANY = 40
SITE = Site("bench", 65010, IPv4Address("192.0.2.1"), (ip_network("172.16.20.0/24"),))


def tunnel(number: int) -> Tunnel:
    return Tunnel(
        name=f"t{number}",
        remote=ip_address("198.18.0.1") + number,
        uplink="isp1",
        inside=IPv4Interface(f"169.254.{10 + number // 60}.{number % 60 * 4 + 2}/30"),
        peer_inside=IPv4Address(f"169.254.{10 + number // 60}.{number % 60 * 4 + 1}"),
    )


def connection(number: int) -> Connection:
    return Connection(
        f"c{number}", "aws", "bgp", (tunnel(2 * number), tunnel(2 * number + 1)), peer_asn=64512,
        networks=(ip_network(f"10.0.{number}.0/24"),),
    )  # fmt: skip


def first() -> Wish:
    intent = Intent(SITE, tuple(map(connection, range(MANY // 2))), uplinks=UPLINKS)
    secrets = {f"t{number}": Secret(f"fake {number}") for number in range(MANY)}
    return Wish(intent, templates(), MACHINE, secrets=secrets, fingerprint=lambda secret: f"{hash(secret.reveal()):x}")


def other_tunnel(chance: random.Random, one: Tunnel) -> Tunnel:
    far = chance.randint(0, 250)
    match chance.randrange(11):
        case 0:
            inside, peer = IPv4Interface(f"169.254.99.{4 * (far // 5) + 2}/30"), f"169.254.99.{4 * (far // 5) + 1}"
            return replace(one, inside=inside, peer_inside=IPv4Address(peer))
        case 1:
            return replace(one, esp=Esp((chance.choice(("aes128-sha256-modp2048", "aes256-sha256-modp2048")),)))
        case 2:
            return replace(one, remote=ip_address("198.18.7.1") + far)
        case 3:
            return replace(one, mss=chance.choice((None, 1200, 1300)))
        case 4:
            return replace(one, uplink=chance.choice((None, "isp1", "isp2")))
        case 5:
            return replace(one, interface=chance.choice((None, f"vti{far}")))
        case 6:
            return replace(
                one, inside6=IPv6Interface(f"2001:db8:{far:x}::2/126"), peer_inside6=IPv6Address(f"2001:db8:{far:x}::1")
            )
        case 7:
            return replace(one, inside6=None, peer_inside6=None)
        case 8:
            return replace(one, inside=IPv4Interface(f"169.254.98.{chance.choice((0, 16)) + 2}/28"))  # they may overlap
        case 9:
            return replace(one, remote_id=chance.choice((None, "cloud", f"cloud-{far}")))
    return replace(one)  # another object, and the same


def other_connection(chance: random.Random, one: Connection) -> Connection:
    far = chance.randint(0, 250)
    match chance.randrange(9):
        case 0:
            return replace(one, networks=(ip_network(f"10.9.{far}.0/24"),))
        case 1:
            return replace(one, mode="static") if one.mode == "bgp" else replace(one, mode="bgp")
        case 2:
            return replace(one, announce=Announce(networks=(ip_network(f"10.0.{chance.randint(0, MANY // 2)}.0/24"),)))
        case 3:
            return replace(one, announce=Announce(med=far, communities=chance.choice(((), ("65010:7",)))))
        case 4:
            return replace(one, speaker=chance.choice(("frr", "exabgp")))
        case 5:
            return replace(one, bgp=Bgp(password=SecretRef("file", "key"), timers=(5, 15)))
        case 6:
            return replace(one, priority=chance.choice((None, 50)), tunnels=tuple(reversed(one.tunnels)))
        case 7 if len(one.tunnels) > 1:
            return replace(one, tunnels=one.tunnels[:1])
    tunnels = list(one.tunnels)
    at = chance.randrange(len(tunnels))
    tunnels[at] = other_tunnel(chance, tunnels[at])
    return replace(one, tunnels=tuple(tunnels))


def other_intent(chance: random.Random, intent: Intent) -> Intent:
    connections = list(intent.connections)
    at = chance.randrange(len(connections))
    match chance.randrange(14):
        case 0 if len(connections) > 5:
            connections.pop(at)
        case 1:
            names = {one.name for one in connections}
            new = connection(chance.randrange(MANY // 2))
            connections.insert(at, new) if new.name not in names else None
        case 2:
            chance.shuffle(connections)
        case 3:
            return replace(intent, site=replace(SITE, networks=(ip_network(f"172.16.{chance.choice((20, 21))}.0/24"),)))
        case 4:
            return replace(intent, lans=chance.choice(((), (Lan("core", SITE.networks, "eth2"),))))
        case 5:
            return replace(intent, nat=chance.choice(((), (Nat("masquerade", "isp1", sources=SITE.networks),))))
        case 6:
            return replace(intent, uplinks=(*UPLINKS[:1], Uplink("isp2", "eth1", gateway=ip_address("192.168.7.9"))))
        case _:
            connections[at] = other_connection(chance, connections[at])
    return replace(intent, connections=tuple(connections))


def other(chance: random.Random, wish: Wish) -> Wish:
    names = [tunnel.name for one in wish.intent.connections for tunnel in one.tunnels]
    match chance.randrange(16):
        case 0:
            return replace(wish, secrets={**wish.secrets, chance.choice(names): Secret(f"fake {chance.random()}")})
        case 1:
            return replace(wish, stances={chance.choice(names): chance.choice((CLOSED, BEHIND))})
        case 2:
            return replace(wish, stances={})
        case 3:
            return replace(wish, down=frozenset(chance.sample([one.name for one in wish.intent.connections], 2)))
        case 4:
            return replace(wish, host_is_ours=not wish.host_is_ours)
        case 5:
            return replace(wish, machine=other_machine(chance))
        case 6:
            return replace(wish, learned={"c1": (ip_network("10.77.0.0/16"),)})
    return replace(wish, intent=other_intent(chance, wish.intent))


def other_machine(chance: random.Random) -> Machine:
    moved = Interface("eth0", 1400, True, (ip_interface(f"203.0.113.{chance.randint(2, 250)}/24"),))
    return replace(
        MACHINE, interfaces={**MACHINE.interfaces, "eth0": chance.choice((moved, MACHINE.interfaces["eth0"]))}
    )


def only(kind: type, some: Iterable[object]) -> object:
    return next((one for one in some if isinstance(one, kind)), None)


def assert_same(again: Composed, alone: Composed) -> None:
    """What is equal is so in what equality does not see, too."""
    assert again.desired == alone.desired
    assert again.kinds == alone.kinds == frozenset(map(type, alone.desired))
    assert again.speakers == alone.speakers
    keys = ({one.id: one.secret for one in some.desired if isinstance(one, SharedKey)} for some in (again, alone))
    assert next(keys) == next(keys)
    one, two = (only(FrrConfig, some.desired) for some in (again, alone))
    if isinstance(one, FrrConfig) and isinstance(two, FrrConfig):
        assert one.secrets == two.secrets
        assert isinstance(one.written, Pieces)
        assert one.text == two.text
    table = only(FirewallTable, again.desired)
    assert table is None or (isinstance(table, FirewallTable) and "".join(table.parts) == table.text)


def assert_differs(before: Composed, after: Composed) -> None:
    """In nothing but what it says."""
    if after.joined.before is before.desired:
        assert after.joined.gone == before.desired - after.desired
        assert after.joined.come == after.desired - before.desired
    one, two = (only(FirewallTable, some.desired) for some in (before, after))
    if isinstance(one, FirewallTable) and isinstance(two, FirewallTable):
        found, whole = find_difference(one, two), find_amendment(one.text, two.text)
        assert found is None or found == whole
    had, want = (only(FrrConfig, some.desired) for some in (before, after))
    if isinstance(had, FrrConfig) and isinstance(want, FrrConfig):
        assert isinstance(had.written, Pieces)
        assert isinstance(want.written, Pieces)
        parts = find_other_pieces(had.written, want.written)
        assert parts is None or (parts[0] == parts[1]) == (had.text == want.text)


@pytest.mark.parametrize("seed", range(25))
def test_composed_again_it_is_what_it_is_by_itself(seed: int) -> None:
    chance, wish, known = random.Random(seed), first(), Drawn()
    before, followed = compose_again(replace(wish, drawn=known)), 0
    for _ in range(25):
        for _ in range(chance.choice((1, 1, 1, 3))):
            wish = other(chance, wish)
        again, alone = compose_again(replace(wish, drawn=known)), compose_again(replace(wish, drawn={}))
        assert_same(again, alone)
        assert_differs(before, again)
        followed += again.joined.before is before.desired
        before = compose_again(replace(wish, drawn=known))
        assert before.desired == again.desired
    assert followed
