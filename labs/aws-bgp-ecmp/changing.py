"""What is already right is left alone, and a second connection does not touch the first."""

from __future__ import annotations

from dataclasses import replace

from checking import check, node, wait_for
from measuring import CLEAR, end, send_stream, streaming, watching
from refusals import expect
from rekeying import leftovers
from renewing import rekey_everything
from scene import FIRST, OUTSIDE, SECOND, appliance, configure, must_configure, only_child, spis


@check(timeout=90)
def a_second_apply_writes_nothing() -> None:
    """The plan is empty, and an apply says nothing to the kernel, to nftables, to charon or to FRR."""
    assert appliance("plan")["changes"] == 0, appliance("plan")
    gw = node("gw")
    charon = gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out
    running = gw.run("vtysh", "-c", "show running-config").out
    monitors = [gw.start("ip", "monitor", "link", "address", "route", "rule", "nexthop"), gw.start("nft", "monitor")]
    answer = appliance("apply", "--yes")
    heard = [end(monitor).strip() for monitor in monitors]
    assert heard == ["", ""], f"the kernel was told: {heard}"
    assert gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out == charon, "charon was told something"
    assert gw.run("vtysh", "-c", "show running-config").out == running, "FRR's configuration changed"
    assert answer.get("changes", 0) == 0, answer


@check(timeout=150)
def a_pfs_mismatch_is_named() -> None:
    """A group for the children that the cloud refuses shows at the rekey that configure ends with, and is named."""
    changed = "/tmp/pfs.txt"
    group = "s/Diffie-Hellman Group 2$/Diffie-Hellman Group 5/"
    node("gw").shell(f"sed '{group}' {SECOND.document} > {changed}")
    expect(configure(replace(SECOND, options=("--name", "second")), document=changed, wait=40), "pfs", "modp1536")


@check(timeout=180)
def a_second_connection_leaves_the_first_alone() -> float:
    """A second document adds a connection (IKEv2, recommended algorithms): same SPIs on the first, no packet lost."""
    before = spis(FIRST.tunnels)
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", FIRST.host) as result:
        must_configure(SECOND)
    assert spis(FIRST.tunnels) == before, f"SPIs of the first connection: {before}, now {spis(FIRST.tunnels)}"
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}"
    assert not seen.counts["clear"], seen.packets
    for tunnel in SECOND.tunnels:
        child = only_child(tunnel)
        assert child["dh-group"] == "ECP_384", f"not the recommended algorithms: {child}"
    reached = send_stream("lan", SECOND.host, "--flows", "8", "--seconds", "2")
    assert not reached["lost"], reached
    return float(result["gap_ms"])


@check(timeout=180)
def ikev2_rekeys_without_loss() -> float:
    """IKEv2: IKE SAs and children rekey from either side under 100 packets a second, and none is lost.

    charon closes an old child's inbound SA five seconds later; an IKE SA that is replaced at that very moment keeps it.
    """
    with streaming("lan", SECOND.host) as result:
        for kind in ("child", "ike"):
            rekey_everything(SECOND.tunnels, (kind,))
            wait_for(lambda: not leftovers(SECOND.tunnels), 30, "the old SAs to go")
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
