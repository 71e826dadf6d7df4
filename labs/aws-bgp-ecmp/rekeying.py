"""New keys under traffic. Both connections rekey in this lab: IKEv1 here, IKEv2 in changing.py once it stands."""

from __future__ import annotations

from collections.abc import Sequence

from checking import check
from measuring import streaming
from observing import sas
from renewing import rekey_everything
from scene import FIRST, Tunnel


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
        rekey_everything(FIRST.tunnels)
    assert result["gap_ms"] < 5000, f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
