"""The main job with ExaBGP: learn, balance, announce, follow the cloud's wish, move away from a cut."""

from __future__ import annotations

from functools import partial

from checking import check, node, wait_for
from measuring import CLEAR, start_services, streaming, watching
from observing import ip, paths
from scene import FIRST, LAN, OUTSIDE, appliance, interface, must_configure, set_med, told_of, wait_for_paths, wire
from spreading import spread


def has_session(end: str) -> bool:
    return '"Established"' in node(end).run("vtysh", "-c", "show bgp summary json").out


@check(timeout=180)
def far_ends_are_ready() -> None:
    """Both tunnel ends speak BGP with the VPC's router, and the VPC host serves."""
    for end in ("aws1", "aws2"):
        wait_for(partial(has_session, end), 30, f"BGP between {end} and the VPC")
    start_services("vpc")


@check(timeout=360)
def configure_brings_both_tunnels_up() -> None:
    """One command makes the connection with ExaBGP as its speaker; FRR has no BGP instance for it."""
    must_configure(FIRST, "--speaker", "exabgp")
    [connection] = appliance("status")["connections"]
    assert connection["speaker"] == "exabgp", connection["speaker"]
    running = node("gw").run("vtysh", "-c", "show running-config").out
    assert "router bgp" not in running, "FRR speaks BGP too"


@check(timeout=180)
def the_prefix_is_one_group_of_two() -> None:
    """The kernel holds the VPC's prefix under the speaker's own number, on one nexthop group over both tunnels."""
    routes = ip("gw", "-4", "-d", "route", "show", "exact", FIRST.prefix, "proto", "174")
    assert len(routes) == 1, routes
    assert paths("gw", FIRST.prefix) == {interface(tunnel) for tunnel in FIRST.tunnels}
    wait_for(lambda: appliance("plan")["changes"] == 0, 90, "an empty plan")


@check(timeout=180)
def status_reads_as_with_frr() -> None:
    """Status: ok, both carrying over established sessions, one prefix received, accepted, and ours advertised."""
    wait_for(lambda: appliance("status")["state"] == "ok", 90, "status to say ok")
    status = appliance("status")
    for tunnel in told_of(status, FIRST).values():
        assert (tunnel["state"], tunnel["bgp"]) == ("carrying", "established"), tunnel
        detail = tunnel["bgp_detail"]
        assert (detail["received"], detail["accepted"], detail["advertised"]) == (1, 1, 1), detail
    [connection] = status["connections"]
    assert {(one["prefix"], one["source"]) for one in connection["prefixes"]} == {(FIRST.prefix, "bgp")}
    assert connection["announced"] == [LAN]


@check(timeout=180)
def the_speaker_has_no_privilege() -> None:
    """ExaBGP and its bridge run as somebody else than root, without a capability."""
    gw = node("gw")
    for pattern in ("exabgp server", "appliance-speaker/bridge"):
        pids = gw.run("pgrep", "-f", pattern).out.split()
        assert pids, f"no process {pattern}"
        for pid in pids:
            said = dict(line.split(":\t", 1) for line in gw.run("cat", f"/proc/{pid}/status").out.splitlines())
            assert said["Uid"].split()[0] != "0", f"{pattern} runs as root"
            assert int(said["CapEff"], 16) == 0, f"{pattern} may {said['CapEff']}"


@check(timeout=180)
def flows_use_both_tunnels() -> None:
    """64 flows leave over both tunnels, all answered, and outside there is nothing but IKE and ESP."""
    spread(64, FIRST.host, [interface(tunnel) for tunnel in FIRST.tunnels], OUTSIDE)


@check(timeout=180)
def a_higher_med_makes_a_standby() -> None:
    """MED 100 and 200: the second tunnel becomes a standby, which status calls healthy; equal again: both carry."""
    set_med(FIRST.tunnels[1], FIRST, 200)
    wanted = {interface(FIRST.tunnels[0])}
    wait_for(lambda: paths("gw", FIRST.prefix) == wanted, 30, f"{FIRST.prefix} over {wanted} alone")
    states = {remote: tunnel["state"] for remote, tunnel in told_of(appliance("status"), FIRST).items()}
    set_med(FIRST.tunnels[1], FIRST, 100)
    wait_for_paths(FIRST)
    assert states == {FIRST.tunnels[0].remote: "carrying", FIRST.tunnels[1].remote: "standby"}, states


@check(timeout=240)
def a_silent_cut_moves_the_flows_at_once() -> float:
    """Tunnel 1's packets are dropped on the way: probes tell, one message moves our flows, none leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        wire("block", FIRST.tunnels[0].remote)
        rest = {interface(FIRST.tunnels[1])}
        wait_for(lambda: paths("gw", FIRST.prefix) == rest, 20, f"{FIRST.prefix} over {rest}")
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


@check(timeout=300)
def the_return_costs_nothing() -> float:
    """Tunnel 1 comes back: both carry again, and no packet is lost over it."""
    with streaming("lan", FIRST.host) as result:
        wire("open")
        wait_for_paths(FIRST, timeout=120)
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
