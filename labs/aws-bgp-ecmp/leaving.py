"""What remains when the appliance is told to let go."""

from __future__ import annotations

from checking import check, node
from measuring import CLEAR, send_stream, watching
from observing import ip, paths
from scene import FIRST, OUTSIDE, SECOND, appliance

ROUTE_PROTOCOL = "173"


def ours() -> list[dict[str, object]]:
    """Routes that carry the appliance's protocol number."""
    return ip("gw", "route", "show", "table", "all", "proto", ROUTE_PROTOCOL)


@check(timeout=60)
def down_leaves_only_the_blackholes() -> None:
    """After `down` no tunnel, session, filter or secret of ours is left, and the VPC's prefixes stay blackholed."""
    appliance("down", "--yes")
    assert not ip("gw", "-d", "link", "show", "type", "xfrm"), "XFRM interfaces are left"
    assert "appliance" not in node("gw").run("nft", "list", "tables").out
    assert not node("gw").run("swanctl", "--list-conns").out.strip()
    assert "router bgp" not in node("gw").run("vtysh", "-c", "show running-config").out
    held = {str(route["dst"]) for route in ours()}
    assert {route.get("type") for route in ours()} == {"blackhole"}, ours()
    assert {FIRST.prefix, SECOND.prefix} <= held, f"held by blackholes: {held}"
    assert not paths("gw", FIRST.prefix)
    with watching("internet", OUTSIDE, clear=CLEAR) as seen:
        result = send_stream("lan", FIRST.host, "--seconds", "2")
    assert not seen.counts["clear"], seen.packets
    assert not result["received"], result


@check(timeout=60)
def down_without_protection_leaves_nothing() -> None:
    """After `down --no-protect` nothing of ours is left: no route, rule or nexthop, and forwarding is as before."""
    appliance("down", "--no-protect", "--yes")
    assert not ours(), ours()
    assert not [rule for rule in ip("gw", "rule", "show") if str(rule.get("protocol")) == ROUTE_PROTOCOL]
    assert not [hop for hop in ip("gw", "nexthop", "show") if str(hop.get("protocol")) == ROUTE_PROTOCOL]
    assert node("gw").run("sysctl", "-n", "net.ipv4.ip_forward").out.strip() == "0", "ip_forward was 0 before us"
