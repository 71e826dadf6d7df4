"""Injuries of those who do the work: daemons that die, and far ends that are replaced or change their mind."""

from __future__ import annotations

import os
from contextlib import suppress

from checking import node, wait_for
from injecting import (
    BOUND,
    BOX,
    STRAY,
    End,
    Field,
    carrying,
    choose,
    established,
    flows,
    gap,
    injury,
    none_lost,
    told,
    traffic,
    wait_until_carried,
    wait_until_whole,
)
from observing import charon, sas, told_at
from vici.exception import CommandException

DAEMON = "^/usr/bin/python3 .*appliance run$"
SPEAKER = os.environ.get("LAB_SPEAKER", "frr")


def pids(pattern: str) -> set[str]:
    """Processes on the appliance, by their whole command line."""
    return set(node(BOX).run("pgrep", "-f", pattern, ok=False).out.split())


def kill(pattern: str) -> None:
    """Kill with -9, and wait for a successor."""
    before = pids(pattern)
    assert before, f"no process {pattern}"
    node(BOX).run("kill", "-9", *before)
    wait_for(lambda: pids(pattern) - before, 60, f"the successor of {pattern}")


def kill_daemon() -> None:
    """Kill the appliance's daemon, and wait until the next one has judged every tunnel."""
    kill(DAEMON)
    before = told_at(BOX)
    wait_for(lambda: told_at(BOX) != before, 60, "the next daemon to say what it holds of the tunnels")


@injury()
def a_killed_daemon(field: Field) -> float:
    """The appliance's daemon is killed with -9: its successor goes on where it was, and no packet is lost."""
    wait_until_whole(field)
    with traffic(field) as result:
        kill_daemon()
        wait_until_whole(field)
        flows(field)
    return none_lost(result)


@injury(timeout=300)
def a_killed_charon(field: Field) -> float:
    """charon is killed with -9: its successor is told all, tunnels come up again, and nothing leaves in clear."""
    wait_until_whole(field)
    with traffic(field) as result:
        kill("^/usr/sbin/charon-systemd")
        wait_for(lambda: all_established(field), 90, "both tunnels to be up again", every=0.5)
        wait_until_whole(field)
        flows(field)
    assert result["gap_ms"] <= 10 * BOUND, result
    return float(result["gap_ms"])


def all_established(field: Field) -> bool:
    up = {sa["remote-host"] for sa in sas(BOX) if sa["state"] == "ESTABLISHED" and sa["child-sas"]}
    return up >= {end.remote for end in field.ends}


@injury(timeout=300, able=lambda field: field.bgp and SPEAKER == "exabgp")
def a_killed_exabgp(field: Field) -> float:
    """ExaBGP is killed with -9: routes stay here and there, its successor learns them anew, and no packet is lost."""
    found = lose_router(field, "exabgp server")
    assert found <= STRAY, f"gap {found} ms"
    return found


@injury(timeout=300, able=lambda field: field.bgp and SPEAKER == "frr")
def a_killed_bgpd(field: Field) -> float:
    """bgpd is killed with -9: its successor brings the sessions and the routes back, and nothing leaves in clear."""
    return lose_router(field, "^/usr/lib/frr/bgpd ")


@injury(timeout=300, able=lambda field: field.bgp and SPEAKER == "frr")
def a_killed_zebra(field: Field) -> float:
    """zebra is killed with -9: a successor takes its routes over or learns them anew, and nothing leaves in clear."""
    return lose_router(field, "^/usr/lib/frr/zebra ")


def lose_router(field: Field, pattern: str) -> float:
    wait_until_whole(field)
    before = carrying(field)
    with traffic(field) as result:
        kill(pattern)
        wait_for(lambda: all(established(end) for end in field.ends), 90, "BGP with both far ends", every=0.5)
        wait_for(lambda: carrying(field) >= before, 60, f"{field.prefix} over what carried it before", every=0.2)
        flows(field, within=60)
    assert result["gap_ms"] <= 20 * BOUND, result
    return float(result["gap_ms"])


@injury(timeout=300)
def another_key_on_the_far_side(field: Field) -> float:
    """The cloud changes a tunnel's key and begins anew: the other carries, and with the old key again both do."""
    hurt, rest = choose(field)
    with traffic(field) as result:
        try:
            change_key(hurt)
            wait_until_carried(field, rest)
            wait_for(lambda: told(field)[hurt]["state"] == "down", 20, "the tunnel to be said to be down")
        finally:
            node(hurt.node).run("swanctl", "--load-creds", "--clear", "--noprompt")
    wait_until_whole(field, timeout=120)
    return gap(field, result)


def change_key(end: End) -> None:
    """The far end wants another key from now on, and closes what it has, also what nobody answers for any more."""
    node(end.node).shell(
        "sed 's/secret = \"/&changed./' /etc/swanctl/swanctl.conf > /run/changed.conf"
        " && swanctl --load-creds --clear --noprompt --file /run/changed.conf"
    )
    old = generations(end)
    with charon(end.node) as session:
        for one in old:
            with suppress(CommandException):  # it is gone already, or somebody else is closing it
                list(session.terminate({"ike-id": one, "timeout": "2000", "force": "yes"}))
    wait_for(lambda: not old & generations(end), 30, "the far end to close what it has")


def generations(end: End) -> set[str]:
    """What tells a far end's IKE SAs from all that it ever had."""
    return {sa["uniqueid"] for sa in sas(end.node)}


@injury(timeout=300)
def a_replaced_far_end(field: Field) -> float:
    """The cloud replaces a tunnel end, which knows nothing and waits to be called: the other carries, and we call.

    With BGP the cloud first makes the tunnel the worse one, both ways: then no packet is lost.
    """
    hurt, rest = choose(field)
    try:
        with traffic(field) as result:
            if field.leave is not None:
                field.leave(hurt)
                wait_for(lambda: carrying(field) == rest, 30, "traffic to leave the tunnel that the cloud will replace")
                flows(field)
            replace(hurt)
            wait_until_carried(field, rest)
            flows(field)
        wait_until_whole(field, timeout=180)
    finally:
        if field.settle is not None:
            field.settle(hurt)
    return none_lost(result) if field.leave is not None else gap(field, result)


def replace(end: End) -> None:
    """A new far end at the old address: no state, no message, and it begins nothing."""
    node(end.node).shell(
        "kill -9 $(pgrep charon); ip xfrm state flush; ip xfrm policy flush; rm -f /run/charon.vici"
        " && /opt/far-ends/start-charon"
    )
