"""Somebody takes things away, and daemons die."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import CLEAR, send_stream, streaming, watching
from observing import ip
from scene import FIRST, HOST, OUTSIDE, SECOND, VPC, Tunnel, carries, link, within

SOON = 10.0
"""Seconds; it takes a tenth of one on a machine that has time."""

OURS = "173"
"""The protocol number of what the appliance puts into the kernel."""

CLEAR_TRAFFIC = f"{CLEAR} and not icmp"
"""While no charon listens the box itself tells its peers so."""


@check(timeout=90)
def what_a_stranger_removes_is_back_at_once() -> None:
    """A route, a link set down, a link deleted, the whole packet filter, forwarding: each is back within a moment."""
    gw, used = node("gw"), active()
    name = link(used)
    for deed, undone in (
        (f"ip route del {VPC} metric 100", lambda: carries(used)),
        (f"ip link set {name} down", lambda: carries(used)),
        (f"ip link del {name}", lambda: carries(used)),
        ("nft delete table inet appliance", lambda: "appliance" in gw.run("nft", "list", "tables").out),
        ("sysctl -q -w net.ipv4.ip_forward=0", lambda: "1" in gw.run("cat", "/proc/sys/net/ipv4/ip_forward").out),
    ):
        gw.shell(deed)
        with within(SOON, f"mending after `{deed}`"):
            wait_for(undone, 20, f"to be mended: {deed}", every=0.02)
    assert not send_stream("lan", HOST, "--seconds", "2")["lost"]


@check(timeout=120)
def a_killed_daemon_costs_no_packet() -> float:
    """The appliance's daemon is killed with -9: its successor goes on where it was, and no packet is lost."""
    with streaming("lan", HOST) as result:
        before = daemon()
        node("gw").run("kill", "-9", before)
        wait_for(lambda: daemon() not in ("", before), 30, "the next daemon")
        wait_for(lambda: node("gw").run("appliance", "status", "--json").json()["daemon"]["running"], 30, "it to run")
        send_stream("lan", HOST, "--seconds", "2")
    assert carries(FIRST) or carries(SECOND)
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


@check(timeout=120)
def a_killed_charon_brings_the_tunnels_back() -> None:
    """charon is killed with -9: its successor is told all, the tunnels come up again, and nothing leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR_TRAFFIC) as seen, streaming("lan", HOST):
        node("gw").shell("kill -9 $(pgrep charon)")
        wait_for(lambda: node("gw").run("swanctl", "--list-sas", ok=False).out.count("ESTABLISHED") == 2, 60,
                 "both tunnels to be up again", every=0.5)  # fmt: skip
        wait_for(lambda: not send_stream("lan", HOST, "--seconds", "1")["lost"], 30, "traffic to flow")
    assert not seen.counts["clear"], seen.packets


@check(timeout=120)
def down_leaves_blackholes() -> None:
    """`down` takes everything away but the VPC's blackhole; nothing leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", HOST):
        node("gw").run("appliance", "down", "--yes")
        routes = ip("gw", "-4", "route", "show", "exact", VPC)
    assert [route.get("type") for route in routes] == ["blackhole"], routes
    left = [hop for hop in ip("gw", "nexthop", "show") if str(hop.get("protocol")) == OURS]
    assert not left, left
    assert not seen.counts["clear"], seen.packets


def active() -> Tunnel:
    """The tunnel in use."""
    return FIRST if carries(FIRST) else SECOND


def daemon() -> str:
    """The daemon's process id in its node."""
    found = node("gw").run("pgrep", "-of", "^/usr/bin/python3 .*appliance run$", ok=False).out.split()
    return found[0] if found else ""
