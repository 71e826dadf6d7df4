"""The cloud prefers one tunnel by its MED, and the operator may overrule it; or be the cloud's way to the Internet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from checking import check, node, wait_for
from measuring import watching
from observing import paths
from scene import (
    EVERYTHING,
    FIRST,
    INTENT,
    OUTSIDE,
    PRIVATE,
    PUBLIC,
    SOMEWHERE,
    appliance,
    interface,
    set_med,
    told_of,
    wait_for_paths,
)


def wait_for_first_alone() -> None:
    """The cloud's MED steers our way out; its own way back stays what it is."""
    wanted = {interface(FIRST.tunnels[0])}
    wait_for(lambda: paths("gw", FIRST.prefix) == wanted, 30, f"{FIRST.prefix} over {wanted} alone")


@contextmanager
def intending(connection: str, site: str = "") -> Iterator[None]:
    """The operator wants this of the connection, and of the site, while the block runs."""
    gw = node("gw")
    before = gw.run("cat", INTENT).out
    changed = re.sub(r"(?m)^( *)(mode: bgp)$", rf"\1\2\n\1{connection}", before, count=1)
    gw.shell(f"cat > {INTENT}", given=changed + site)
    appliance("apply", "--yes")
    try:
        yield
    finally:
        gw.shell(f"cat > {INTENT}", given=before)
        appliance("apply", "--yes")


@check(timeout=60)
def a_higher_med_makes_a_standby() -> None:
    """MED 100 and 200: the second tunnel becomes a standby, which status calls healthy; equal again: both carry."""
    set_med(FIRST.tunnels[1], FIRST, 200)
    wait_for_first_alone()
    status = appliance("status")
    states = {remote: tunnel["state"] for remote, tunnel in told_of(status, FIRST).items()}
    assert states == {FIRST.tunnels[0].remote: "carrying", FIRST.tunnels[1].remote: "standby"}, states
    assert status["healthy"], status.get("why")


@check(timeout=90)
def med_ignore_restores_ecmp() -> None:
    """With `med: ignore` in the intent both tunnels carry in spite of MED 100 and 200, and the plan cuts nothing."""
    with intending("bgp: {med: ignore}"):
        wait_for_paths(FIRST)
    wait_for_first_alone()
    set_med(FIRST.tunnels[1], FIRST, 100)
    wait_for_paths(FIRST)


@check(timeout=120)
def a_default_route_is_told_on_request_alone() -> None:
    """On request both far ends have a default route of ours: the VPC reaches the Internet by us, translated."""
    assert not paths("vpc", EVERYTHING), "somebody tells the VPC of a default route"
    translated = f"icmp[icmptype] = icmp-echo and src host {PUBLIC} and dst host {SOMEWHERE}"
    nat = f"nat:\n  - {{type: masquerade, out: isp1, from: [{FIRST.prefix}]}}\n"
    with intending("announce: {default-route: true}", nat):
        wait_for(lambda: paths("vpc", EVERYTHING) == {"eth1", "eth2"}, 40, "a default route by both far ends")
        with watching("internet", OUTSIDE, private=PRIVATE, translated=translated) as seen:
            node("vpc").run("ping", "-c", "3", "-W", "5", "-I", FIRST.host, SOMEWHERE)
    wait_for(lambda: not paths("vpc", EVERYTHING), 40, "the default route to be taken back")
    assert seen.counts["translated"] >= 3, f"the Internet was not reached by us: {seen.counts}"
    assert not seen.counts["private"], seen.packets
    wait_for_paths(FIRST)
