"""Before any tunnel stands, with the tunnel ends out of reach."""

from __future__ import annotations

from checking import check, wait_for
from measuring import CLEAR, ENCRYPTED, streaming, watching
from observing import paths
from scene import FIRST, OUTSIDE, configure, reason, wire


@check(timeout=120)
def first_boot_leaks_nothing_and_says_why() -> None:
    """With IKE blocked, configure names the silence on UDP 500 and 4500, and no LAN packet leaves in clear."""
    wire("block")
    with watching("internet", OUTSIDE, clear=CLEAR, ike="udp port 500") as seen, streaming("lan", FIRST.host):
        done = configure(FIRST, wait=10)
    assert done.code == 1, f"configure ended with {done.code}: {done.out[-400:]} {done.err[-400:]}"
    said = reason(done)
    assert "500 and 4500" in said.replace("/", " and "), f"configure does not name the ports: {said[-400:]}"
    assert seen.counts["ike"], "not even an IKE packet was seen: the capture proves nothing"
    assert not seen.counts["clear"], f"in clear: {seen.packets}"


@check(timeout=120)
def tunnels_come_up_by_themselves() -> None:
    """Once IKE gets through, both tunnels come up without another command, and still nothing leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR, encrypted=ENCRYPTED) as seen, streaming("lan", FIRST.host):
        wire("open")
        wait_for(lambda: len(paths("gw", FIRST.prefix)) == 2, 90, f"{FIRST.prefix} over both tunnels")
    assert seen.counts["encrypted"], "no ESP was seen: the capture proves nothing"
    assert not seen.counts["clear"], f"in clear: {seen.packets}"
