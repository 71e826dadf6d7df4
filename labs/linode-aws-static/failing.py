"""Tunnels fail and come back; whom we ask goes away; everything begins anew; and we leave."""

from __future__ import annotations

import time

from checking import check, node, wait_for
from measuring import send_stream, streaming, talking, watching
from observing import ip, link_with
from scene import (
    FAILBACK,
    FIRST,
    HOST,
    LAN,
    OUTSIDE,
    PRIVATE,
    SECOND,
    SOMEWHERE,
    VPC,
    appliance,
    carries,
    probes_are,
    wait_until_carries,
    wait_until_flowing,
    wire,
)
from serving import BEFORE, strangers

BOUND = 3000.0
"""ms; generous, for machines of every speed: the guide's own loop needs 12 to 73 s and more."""
STRAY = 100.0
"""ms; a busy machine may drop a packet of its own accord; a flow sends one every 40 ms."""
DAEMONS = "$(pgrep -f '^/usr/bin/python3 .*appliance run$') $(pgrep charon)"


@check(timeout=300)
def a_cut_tunnel_costs_a_fraction_of_a_second() -> float:
    """The first tunnel is cut silently: the second carries, a TCP session lives, and nothing leaves untranslated."""
    with (
        watching("internet", OUTSIDE, private=PRIVATE) as seen,
        talking("lan", HOST) as session,
        streaming("lan", HOST, flows=4, rate=25) as result,
    ):
        wire("block", FIRST.remote)
        wait_until_carries(SECOND)
        wait_until_flowing()
    assert session["whole"], session
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert result["gap_ms"] <= BOUND, f"gap {result['gap_ms']} ms"
    assert not seen.counts["private"], seen.packets
    return float(result["gap_ms"])


@check(timeout=300)
def what_tunnels_share_stays_while_one_lives() -> None:
    """With one tunnel down the LAN's packets still reach the VPC as themselves, and the Internet translated."""
    filters = {"lan": f"src net {LAN} and udp", "others": f"udp port 7000 and not net {LAN}"}
    with watching("vpc", ("eth1", "eth2"), **filters) as arrived:
        inward = send_stream("lan", HOST, "--seconds", "2")
    with watching("internet", OUTSIDE, private=PRIVATE) as seen:
        outward = send_stream("lan", SOMEWHERE, "--seconds", "2")
    assert (inward["lost"], outward["lost"]) == (0, 0), (inward, outward)
    assert arrived.counts["lan"] >= inward["sent"], arrived.counts
    assert not arrived.counts["others"], arrived.counts
    assert not seen.counts["private"], seen.packets


@check(timeout=300)
def it_comes_back_by_itself() -> float:
    """The first tunnel works again and carries after its probation; no flow waits for it."""
    with streaming("lan", HOST, flows=4, rate=25) as result:
        wire("open")
        wait_until_carries(FIRST, timeout=FAILBACK + 100)
        wait_until_flowing()
    assert result["gap_ms"] <= STRAY, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=300)
def a_host_that_went_away_stops_nothing() -> float:
    """The one host that is asked over both tunnels goes silent: a tunnel carries, and no packet of others is lost."""
    wait_for(lambda: probes_are("up"), 40, f"{HOST} to answer over both tunnels")
    deaf = "add table inet deaf; add chain inet deaf input { type filter hook input priority 0; }"
    with streaming("lan", HOST, flows=4, rate=25) as result:
        node("vpc").run("nft", f"{deaf}; add rule inet deaf input icmp type echo-request drop")
        try:
            wait_for(lambda: probes_are("lost"), 40, "the probes to be lost over both tunnels")
        finally:
            node("vpc").run("nft", "delete table inet deaf")
    assert carries(FIRST) or carries(SECOND)
    assert result["gap_ms"] <= STRAY, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=300)
def everything_anew() -> float:
    """Daemons die and the tunnels' interfaces are gone: all of it comes back by itself, and nothing leaves in clear."""
    with watching("internet", OUTSIDE, private=PRIVATE) as seen:
        begun = time.monotonic()
        links = [link_with("gw", tunnel.inside) for tunnel in (FIRST, SECOND)]
        node("gw").shell(f"kill -9 {DAEMONS}; {' '.join(f'ip link del {link};' for link in links)}")
        wait_until_flowing(150)
        took = time.monotonic() - begun
    assert not seen.counts["private"], seen.packets
    return 1000 * took


@check(timeout=300)
def down_leaves_what_is_not_ours() -> None:
    """`down` leaves the VPC's blackhole, and what others have on this server as it was; nothing leaves in clear."""
    with watching("internet", OUTSIDE, private=PRIVATE) as seen:
        appliance("down", "--yes")
        result = send_stream("lan", HOST, "--seconds", "2")
    routes = ip("gw", "-4", "route", "show", "exact", VPC)
    assert [route.get("type") for route in routes] == ["blackhole"], routes
    assert not result["received"], result
    assert not seen.counts["private"], seen.packets
    assert strangers() == BEFORE, strangers()
