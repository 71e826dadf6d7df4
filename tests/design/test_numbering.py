"""Numbers and names follow from names, stay in their ranges, and do not meet."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from appliance.design.numbering import (
    child_name,
    if_id,
    link_alias,
    link_name,
    nexthop_id,
    router_id,
    shared_key_id,
)

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
CONNECTIONS = [f"vpn-0fa4e{number:012}" for number in range(40)] + ["vpc", "lab", "tgw-a", "tgw-b", "prod", "dr"]
TUNNELS = [(connection, f"{connection}-{number}") for connection, number in product(CONNECTIONS, range(1, 5))]


@given(NAMES, NAMES)
def test_numbers_stay_in_their_ranges(connection: str, tunnel: str) -> None:
    assert 0 < if_id(connection, tunnel) < 2**31
    assert 0x4000_0000 <= nexthop_id(connection, tunnel, 4) < 0x6000_0000
    assert IPv4Address(0) < router_id(connection) < IPv4Address("224.0.0.0")


@given(NAMES)
def test_a_link_bears_the_tunnels_name_where_the_kernel_takes_it(tunnel: str) -> None:
    name = link_name(tunnel)
    assert 0 < len(name) <= 15
    assert (name == tunnel) == (len(tunnel) <= 15)
    assert name not in (".", "..")


def test_nothing_meets_among_many_tunnels() -> None:
    assert len({if_id(*names) for names in TUNNELS}) == len(TUNNELS)
    assert len({nexthop_id(*names, family) for names in TUNNELS for family in (4, 6)}) == 2 * len(TUNNELS)
    assert len({link_name(tunnel) for _, tunnel in TUNNELS}) == len(TUNNELS)


def test_a_tunnels_numbers_depend_on_its_connection_too() -> None:
    assert if_id("vpc", "one") != if_id("lab", "one")
    assert nexthop_id("vpc", "one", 4) != nexthop_id("lab", "one", 4) != nexthop_id("lab", "one", 6)


def test_numbers_of_an_installed_machine_never_change() -> None:
    """Another number for a known name would make every tunnel in the world anew with the next version."""
    assert if_id("vpc", "vpc-1") == 596395176
    assert nexthop_id("vpc", "vpc-1", 4) == 1353756820
    assert link_name("vpn-0fa4e000000000001-1") == "vpn-0fa4e-e855a"


def test_marks() -> None:
    assert link_alias("vpc", "vpc-1") == "appliance:vpc/vpc-1"
    assert child_name("vpc-1") == shared_key_id("vpc-1") == "appliance-vpc-1"
