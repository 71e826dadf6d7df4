"""New keys under traffic. Both connections rekey in this lab: IKEv1 here, IKEv2 in changing.py once it stands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from checking import check, wait_for
from measuring import streaming
from observing import charon, sas
from scene import FIRST, Cloud, Tunnel, spis


def rekey(where: str, kind: str, tunnel: Tunnel, outside: str) -> None:
    """Ask a node's charon for new keys of a tunnel's IKE SA (``ike``) or child (``child``)."""
    sa = established(where, outside, tunnel)[0]
    with charon(where) as session:
        if kind == "ike":
            session.rekey({"ike-id": sa["uniqueid"]})
        else:
            child = next(child for child in sa["child-sas"] if child["state"] == "INSTALLED")
            session.rekey({"child-id": child["uniqueid"]})


def established(where: str, outside: str, tunnel: Tunnel) -> list[dict[str, Any]]:
    """A node's IKE SAs of the tunnel; ``outside`` is the side the cloud is on (``local-host``, ``remote-host``)."""
    return [sa for sa in sas(where) if sa[outside] == tunnel.remote and sa["state"] == "ESTABLISHED"]


def generation(kind: str, tunnel: Tunnel) -> set[str]:
    """What tells the appliance's present SAs of a tunnel from those after a rekey."""
    if kind == "child":
        return spis([tunnel])[tunnel.remote]
    return {sa["initiator-spi"] for sa in established("gw", "remote-host", tunnel)}


def is_new(kind: str, tunnel: Tunnel, before: set[str]) -> bool:
    """Whether the old generation is gone and a new one stands."""
    now = generation(kind, tunnel)
    return bool(now) and not now & before


def rekey_everything(cloud: Cloud, kinds: Sequence[str]) -> None:
    """New IKE SAs (``ike``) and children (``child``) for both tunnels, asked for by us, then by the cloud."""
    for kind in kinds:
        for tunnel in cloud.tunnels:
            for where, outside in (("gw", "remote-host"), (tunnel.end, "local-host")):
                before = generation(kind, tunnel)
                rekey(where, kind, tunnel, outside)
                wait_for(
                    partial(is_new, kind, tunnel, before),
                    20,
                    f"a new {kind} SA to {tunnel.remote}, asked for by {where}",
                )


def leftovers(tunnels: Sequence[Tunnel]) -> list[str]:
    """States of the appliance's SAs that are not, or no longer, the ones in use."""
    ends = {tunnel.remote for tunnel in tunnels}
    mine = [sa for sa in sas("gw") if sa["remote-host"] in ends]
    states = [sa["state"] for sa in mine] + [child["state"] for sa in mine for child in sa["child-sas"]]
    return [state for state in states if state not in ("ESTABLISHED", "INSTALLED")]


@check(timeout=120)
def ikev1_rekeys_with_a_short_gap() -> float:
    """IKEv1: new children, and new main modes in place of a rekey it does not have, cost a moment, which is stated.

    The side that answers a quick mode points its policy at the new outbound SA just before it has it: packets of those
    milliseconds are lost (XfrmAcquireError). IKEv2 has no such moment.
    """
    with streaming("lan", FIRST.host) as result:
        rekey_everything(FIRST, ["child", "ike"])
    assert result["gap_ms"] < 5000, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
