"""Both tunnels up: state, balance, sizes."""

from __future__ import annotations

from checking import check, node
from measuring import ENCRYPTED, FRAGMENTS, probing_mss, refusal, transfer, watching
from observing import if_ids, paths
from scene import FIRST, OUTSIDE, appliance, interface, mtu, only_child, received, told_of
from spreading import spread

UNFRAGMENTED = 1438
"""Bytes that AES-CBC with HMAC-SHA1 fits into 1500 outside: floor((1500 - 20 - 8 - 16 - 12) / 16) * 16 - 2."""


@check(timeout=60)
def both_sas_carry_their_if_id() -> None:
    """Both child SAs are installed with the if_id of their XFRM interface, in and out."""
    ids = if_ids("gw")
    for tunnel in FIRST.tunnels:
        child = only_child(tunnel)
        wanted = ids[interface(tunnel)]
        found = {int(child["if-id-in"], 16), int(child["if-id-out"], 16)}
        assert found == {wanted}, f"{tunnel.remote}: if_id {found}, its interface has {wanted}"
    assert len({ids[interface(tunnel)] for tunnel in FIRST.tunnels}) == 2


@check(timeout=60)
def bgp_is_up_twice() -> None:
    """BGP is established with both far ends, and each gives the VPC's prefix."""
    found = {tunnel.peer: received(tunnel) for tunnel in FIRST.tunnels}
    assert set(found.values()) == {1}, f"prefixes received by neighbour: {found}"


@check(timeout=60)
def the_prefix_is_one_group_of_two() -> None:
    """The kernel holds the VPC's prefix as one nexthop group over both tunnels."""
    found = paths("gw", FIRST.prefix)
    assert found == {interface(tunnel) for tunnel in FIRST.tunnels}, f"{FIRST.prefix} over {found}"


@check(timeout=60)
def status_says_ok() -> None:
    """The appliance's own status agrees: state ok, both tunnels carrying, their numbers those of the kernel."""
    status = appliance("status")
    assert (status["state"], status["healthy"]) == ("ok", True), status.get("why")
    told = told_of(status, FIRST)
    for tunnel in FIRST.tunnels:
        entry = told[tunnel.remote]
        assert entry["state"] == "carrying", entry
        assert (entry["if_id"], entry["mtu"]) == (if_ids("gw")[interface(tunnel)], mtu(tunnel)), entry


@check(timeout=60)
def flows_use_both_tunnels() -> None:
    """64 flows leave over both tunnels, all answered, and outside there is nothing but IKE and ESP."""
    spread(64, FIRST.host, [interface(tunnel) for tunnel in FIRST.tunnels], OUTSIDE)


@check(timeout=60)
def syns_are_clamped_both_ways() -> None:
    """A SYN of 1460 arrives with the tunnel's MTU less 40, and so does the SYN/ACK that answers it."""
    wanted = mtu(FIRST.tunnels[0]) - 40
    assert wanted <= UNFRAGMENTED - 40, f"an MSS of {wanted} does not fit the tunnel"
    arrived, answer = probing_mss("lan", FIRST.host, ("vpc", ["eth1", "eth2"]))
    assert arrived == wanted, f"the SYN arrived with {arrived}, not {wanted}"
    assert answer == wanted, f"the SYN/ACK came back with {answer}, not {wanted}"


@check(timeout=90)
def ten_megabytes_arrive_unfragmented() -> None:
    """10 MB arrive whole over TCP without one fragment on the wire."""
    with watching("internet", OUTSIDE, fragments=FRAGMENTS, encrypted=ENCRYPTED) as seen:
        result = transfer("lan", FIRST.host, 10)
    assert result["whole"], result
    assert seen.counts["encrypted"] > 5000, seen.each
    assert not seen.counts["fragments"], seen.packets


@check(timeout=60)
def a_datagram_too_big_is_refused_with_the_mtu() -> None:
    """A UDP datagram of 1500 bytes with DF is answered by frag-needed and the tunnel's MTU; one of that MTU arrives."""
    answer = refusal("lan", FIRST.host, 1500)
    wanted = mtu(FIRST.tunnels[0])
    assert (answer["type"], answer["code"], answer["mtu"]) == (3, 4, wanted), f"{answer}, the MTU is {wanted}"
    with watching("internet", OUTSIDE, fragments=FRAGMENTS, encrypted=ENCRYPTED) as seen:
        fits = refusal("lan", FIRST.host, wanted, port=9)
    assert (fits["type"], fits["code"]) == (3, 3), f"no port unreachable from the VPC host for {wanted} bytes: {fits}"
    assert not seen.counts["fragments"], seen.packets
    node("lan").run("ip", "route", "flush", "cache")
