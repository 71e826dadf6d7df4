"""What the embedded speaker is, and that it looks like the other one from outside."""

from __future__ import annotations

from checking import check, node, wait_for
from observing import ip, paths
from scene import FIRST, LAN, appliance, interface, told_of


@check(timeout=60)
def the_prefix_is_one_group_of_two() -> None:
    """The kernel holds the VPC's prefix under the speaker's own number, on one nexthop group over both tunnels."""
    routes = ip("gw", "-4", "-d", "route", "show", "exact", FIRST.prefix, "proto", "174")
    assert len(routes) == 1, routes
    assert paths("gw", FIRST.prefix) == {interface(tunnel) for tunnel in FIRST.tunnels}


@check(timeout=120)
def status_reads_as_with_frr() -> None:
    """Status: ok, both carrying over established sessions, one prefix received, accepted, and ours advertised."""
    status = wait_for(healthy, 60, "status to say ok")
    for tunnel in told_of(status, FIRST).values():
        assert (tunnel["state"], tunnel["bgp"]) == ("carrying", "established"), tunnel
        detail = tunnel["bgp_detail"]
        assert (detail["received"], detail["accepted"], detail["advertised"]) == (1, 1, 1), detail
    [connection] = status["connections"]
    assert {(one["prefix"], one["source"]) for one in connection["prefixes"]} == {(FIRST.prefix, "bgp")}
    assert connection["announced"] == [LAN]
    assert appliance("plan")["changes"] == 0, appliance("plan")


def healthy() -> object:
    status = appliance("status")
    return status if status["state"] == "ok" else None


@check(timeout=60)
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
