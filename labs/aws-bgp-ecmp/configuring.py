"""The main job at once, where nothing stands in its way."""

from __future__ import annotations

from checking import check, node
from scene import FIRST, SPEAKER, appliance, must_configure


@check(timeout=180)
def configure_brings_both_tunnels_up() -> None:
    """One command makes the connection, by the speaker asked for and by no other."""
    must_configure(FIRST)
    [connection] = appliance("status")["connections"]
    assert connection["speaker"] == SPEAKER, connection["speaker"]
    by_frr = "router bgp" in node("gw").run("vtysh", "-c", "show running-config").out
    assert by_frr == (SPEAKER == "frr"), f"FRR speaks BGP: {by_frr}"
