"""Tunnels that cannot leave the machine are refused by name, before anything is changed."""

from __future__ import annotations

from tests.cli.calling import Run
from tests.daemon.sites import TWO, settle_in
from tests.fakes.box import Box


def test_an_intent_whose_uplink_leads_nowhere_is_refused_by_name(box: Box, run: Run) -> None:
    settle_in(box, TWO.replace("interface: eth0", "interface: wan7"))
    done = run("apply", "--yes", "--json")
    assert done.code == 3
    assert [fault["found"] or fault["message"] for fault in done.error["faults"]] == ["there is no interface wan7"] * 4
    assert {fault["key"] for fault in done.error["faults"]} == {"vpc-1", "vpc-2", "lab-1", "lab-2"}
    assert box.writes == 0
