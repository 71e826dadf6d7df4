"""From the document to traffic over one tunnel, the other ready."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import CLEAR, ENCRYPTED, end, send_stream, start_services, watching
from observing import ip
from scene import (
    FAILBACK,
    FIRST,
    HOST,
    OUTSIDE,
    SECOND,
    VPC,
    add_to_intent,
    appliance,
    carries,
    configure,
    told,
    wait_until_armed,
    wait_until_carries,
)


@check(timeout=300)
def far_ends_are_ready() -> None:
    """Both tunnel ends have loaded their connection, and the VPC host serves."""
    for name in ("aws1", "aws2"):
        loaded = node(name).run("swanctl", "--list-conns").out
        assert "vpc: IKEv1/2" in loaded, loaded
    start_services("vpc")


@check(timeout=300)
def one_command_brings_both_tunnels_up() -> None:
    """`configure --static` ends with 0: the first tunnel carries, the second stands by, the state is ok."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen:
        done = configure()
    assert done.code == 0, f"configure ended with {done.code}: {(done.out + done.err).strip()[-600:]}"
    if not done.json()["healthy"]:  # a machine that is starved loses probes
        wait_for(lambda: appliance("status")["healthy"], 60, f"more than {done.json()['why']}", every=1)
    wait_until_carries(FIRST)
    wait_for(lambda: told()[SECOND.remote]["state"] == "standby", 60, "the second tunnel to stand by")
    assert not seen.counts["clear"], seen.packets


@check(timeout=300)
def traffic_flows_encrypted() -> None:
    """16 flows are answered, over the first tunnel alone, and outside there is nothing but IKE and ESP."""
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen:
        result = send_stream("lan", HOST, "--flows", "16", "--rate", "10", "--seconds", "3")
    assert not result["lost"], result
    assert seen.counts["encrypted"] >= 2 * result["sent"], seen.each
    assert not seen.counts["clear"], seen.packets


@check(timeout=300)
def a_route_points_at_one_group_over_its_blackhole() -> None:
    """The VPC's prefix is one route to a nexthop group at metric 100, with a blackhole behind it."""
    routes = {route.get("type", "unicast"): route for route in ip("gw", "-4", "route", "show", "exact", VPC)}
    assert routes.keys() == {"unicast", "blackhole"}, routes
    assert routes["unicast"]["metric"] == 100, routes
    assert "nhid" in routes["unicast"], routes


@check(timeout=300)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables or to charon."""
    assert appliance("plan")["changes"] == 0, appliance("plan")
    gw = node("gw")
    charon = gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out
    monitors = [gw.start("ip", "monitor", "link", "address", "route", "rule", "nexthop"), gw.start("nft", "monitor")]
    answer = appliance("apply", "--yes")
    heard = [end(monitor).strip() for monitor in monitors]
    assert heard == ["", ""], f"the kernel was told: {heard}"
    assert gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out == charon, "charon was told something"
    assert answer.get("changes", 0) == 0, answer


@check(timeout=300)
def the_probes_are_answered() -> None:
    """The operator shortens the time until failback; the tunnels stay as they are, and their probes are answered."""
    add_to_intent(f"failback: {{policy: revert, after: {FAILBACK}s}}\n")
    wait_until_armed()
    assert carries(FIRST)
