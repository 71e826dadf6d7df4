"""The cloud prefers one tunnel by its MED, and the operator may overrule it."""

from __future__ import annotations

import re

from checking import check, node, wait_for
from observing import paths
from scene import FIRST, INTENT, appliance, interface, set_med, told_of, wait_for_paths


def wait_for_first_alone() -> None:
    """The cloud's MED steers our way out; its own way back stays what it is."""
    wanted = {interface(FIRST.tunnels[0])}
    wait_for(lambda: paths("gw", FIRST.prefix) == wanted, 30, f"{FIRST.prefix} over {wanted} alone")


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
    gw = node("gw")
    before = gw.run("cat", INTENT).out
    changed = re.sub(r"(?m)^( *)(mode: bgp)$", r"\1\2\n\1bgp: {med: ignore}", before, count=1)
    gw.shell(f"cat > {INTENT}", given=changed)
    appliance("apply", "--yes")
    wait_for_paths(FIRST)
    gw.shell(f"cat > {INTENT}", given=before)
    appliance("apply", "--yes")
    wait_for_first_alone()
    set_med(FIRST.tunnels[1], FIRST, 100)
    wait_for_paths(FIRST)
