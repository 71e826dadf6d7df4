"""What a pass does to a machine: once, twice, when a part fails, and after somebody else was there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from itertools import takewhile

import pytest

from appliance.daemon.loop import converge_once
from appliance.daemon.passes import refuse_strangers
from appliance.design.numbering import BLACKHOLE_METRIC
from appliance.model.fault import ApplianceError, Refused, SystemLacks
from appliance.model.resources import Blackhole, FirewallTable, IkeConnection, SharedKey, XfrmLink
from appliance.model.secret import Secret
from tests.daemon.sites import HEAD, ONE, TWO, VPC_1, applied, connection, planned, settle_in, settled
from tests.fakes.box import Box

FORWARD = "sysctl net.ipv4.ip_forward"


def test_a_second_apply_writes_nothing(box: Box) -> None:
    async def scene() -> None:
        report = await applied(box, TWO)
        assert report.failed == ()
        written = box.writes
        assert written == len(report.outcomes) > 20
        assert (await planned(box)).changes == ()
        await applied(box)
        assert box.writes == written

    asyncio.run(scene())
    assert len(box.store.revisions()) == 1


def test_tunnels_come_up_with_their_own_numbers(box: Box) -> None:
    asyncio.run(applied(box, TWO))
    standing = asyncio.run(box.charon.sas())
    assert {sa.name for sa in standing if sa.up} == {"vpc-1", "vpc-2", "lab-1", "lab-2"}
    assert {sa.if_id for sa in standing} == {box.kernel.links[sa.name].if_id for sa in standing}
    assert box.sysctl.values["net.ipv4.ip_forward"] == "1"
    assert box.sysctl.values["net.ipv4.conf.vpc-1.rp_filter"] == "2"


def test_barriers_stand_before_forwarding_and_links_before_sas(box: Box) -> None:
    order: list[str] = []
    for door in box.refusers:
        door.tried = order
    asyncio.run(applied(box, TWO))
    forward = order.index(f"add {FORWARD}" if f"add {FORWARD}" in order else f"change {FORWARD}")
    assert order.index("add firewall-table") < forward
    assert order.index("add blackhole 10.9.0.0/16 table 254") < forward
    links = [number for number, one in enumerate(order) if "xfrm-link" in one]
    ikes = [number for number, one in enumerate(order) if "ike-connection" in one]
    assert len(links) == len(ikes) == 4
    assert max(links) < min(ikes)


def test_no_sa_without_its_link(box: Box) -> None:
    box.kernel.refusing = {"xfrm-link vpc-1"}
    report = asyncio.run(applied(box, ONE))
    errors = {outcome.change.resource.key: outcome.error or "" for outcome in report.failed}
    assert errors["xfrm-link vpc-1"] == "No buffer space available"
    assert "xfrm-link vpc-1" in errors["ike-connection vpc-1"]
    assert not any("ike-connection vpc-1" in one for one in box.charon.tried)
    assert [sa.name for sa in asyncio.run(box.charon.sas())] == ["vpc-2"]


def test_the_rest_follows_once_the_cause_is_mended(box: Box) -> None:
    box.kernel.refusing = {"xfrm-link vpc-1"}
    asyncio.run(applied(box, ONE))
    box.kernel.refusing = set()
    report = asyncio.run(applied(box))
    assert report.failed == ()
    assert not any("vpc-2" in outcome.change.resource.key for outcome in report.outcomes)
    assert (asyncio.run(planned(box))).changes == ()


@pytest.mark.parametrize("broken", ["firewall-table", "blackhole 10.9.0.0/16 table 254"])
def test_no_forwarding_and_no_sa_without_the_barriers(box: Box, broken: str) -> None:
    box.nft.refusing = box.kernel.refusing = {broken}
    report = asyncio.run(applied(box, TWO))
    assert {FORWARD, "ike-connection vpc-1"} <= {outcome.change.resource.key for outcome in report.failed}
    assert box.sysctl.values["net.ipv4.ip_forward"] == "0"
    assert not any(FORWARD in one for one in box.sysctl.tried)
    assert asyncio.run(box.charon.sas()) == ()


def test_a_failure_elsewhere_stops_nobody(box: Box) -> None:
    box.frr.refusing = {"frr-config"}
    report = asyncio.run(applied(box, ONE))
    assert [outcome.change.resource.key for outcome in report.failed] == ["frr-config"]
    assert len(asyncio.run(box.charon.sas())) == 2


def test_an_apply_that_was_cut_short_leaves_its_journal(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(changes: object) -> None:
        raise KeyboardInterrupt

    settle_in(box, ONE)
    monkeypatch.setattr(box.charon, "apply", dies)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(applied(box))
    journal = box.store.unfinished()
    assert journal is not None
    assert "ike-connection vpc-1" in journal.left
    monkeypatch.undo()
    assert asyncio.run(applied(box)).failed == ()
    assert box.store.unfinished() is None


def test_a_changed_key_authenticates_its_tunnel_anew_and_no_other(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    before = {sa.name: sa.spi_in for sa in asyncio.run(box.charon.sas())}
    box.store.write_secret("vpc-2", Secret("Fake.key.after.rotation"))
    (change,) = asyncio.run(planned(box)).changes
    assert isinstance(change.new, SharedKey)
    asyncio.run(applied(box))
    after = {sa.name: sa.spi_in for sa in asyncio.run(box.charon.sas())}
    assert box.charon.authenticated == ["vpc-2"]
    assert after["vpc-1"] == before["vpc-1"]
    assert after["vpc-2"] != before["vpc-2"]
    assert (asyncio.run(planned(box))).changes == ()


def test_changed_times_leave_the_sas_alone(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    before = asyncio.run(box.charon.sas())
    report = asyncio.run(applied(box, ONE.replace("lifetime: 28800", "lifetime: 14400")))
    assert {outcome.change.resource.key for outcome in report.outcomes} == {
        "ike-connection vpc-1", "ike-connection vpc-2",
    }  # fmt: skip
    assert asyncio.run(box.charon.sas()) == before
    assert box.charon.authenticated == []


def test_a_second_connection_leaves_the_first_alone(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    before = asyncio.run(box.charon.sas())
    for door in box.refusers:
        door.tried.clear()
    asyncio.run(applied(box, TWO))
    after = asyncio.run(box.charon.sas())
    assert [sa for sa in after if sa.name.startswith("vpc")] == list(before)
    assert len(after) == 4
    assert [one for one in box.tried if "vpc" in one] == []


def test_what_a_stranger_removed_comes_back(box: Box) -> None:
    asyncio.run(settled(box, TWO))
    whole = asyncio.run(box.holds())
    box.kernel.delete_link("vpc-1")
    box.nft.flush()
    box.charon.stranger_unloads("lab-2")
    box.sysctl.values["net.ipv4.ip_forward"] = "0"
    assert asyncio.run(converge_once(box.systems)) >= 5
    assert asyncio.run(box.holds()) == whole
    assert asyncio.run(converge_once(box.systems)) == 0


def test_restarted_daemons_are_told_again(box: Box) -> None:
    asyncio.run(settled(box, ONE))
    whole = asyncio.run(box.holds())
    box.charon.restart()
    box.frr.restart()
    asyncio.run(converge_once(box.systems))
    assert asyncio.run(box.holds()) == whole
    assert len([sa for sa in asyncio.run(box.charon.sas()) if sa.up]) == 2
    assert asyncio.run(converge_once(box.systems)) == 0


def test_an_edited_intent_means_nothing_until_it_is_applied(box: Box) -> None:
    asyncio.run(settled(box, ONE))
    box.store.write_intent(TWO)
    assert asyncio.run(converge_once(box.systems)) == 0


def test_a_pass_that_cannot_mend_says_what_hinders_it(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    box.kernel.delete_link("vpc-1")
    box.kernel.refusing = {"xfrm-link vpc-1"}
    with pytest.raises(ApplianceError, match="xfrm-link vpc-1: No buffer space"):
        asyncio.run(converge_once(box.systems))


def test_everything_that_is_missing_is_named_at_once(box: Box) -> None:
    box.kernel.lacking = (SystemLacks("no XFRM interfaces", hint="modprobe xfrm_interface", code="xfrm"),)
    box.frr.lacking = (SystemLacks("bgpd does not run", hint="systemctl start frr", code="frr"),)
    with pytest.raises(SystemLacks) as error:
        asyncio.run(applied(box, ONE))
    assert [fault.message for fault in error.value.faults] == ["no XFRM interfaces", "bgpd does not run"]
    assert box.writes == 0


def test_strangers_are_refused(box: Box) -> None:
    settle_in(box, ONE)
    box.kernel.add_foreign_link("vpc-1")
    with pytest.raises(Refused) as error:
        asyncio.run(refuse_strangers(box.systems, asyncio.run(planned(box)), adopt=True))
    assert error.value.code == "foreign-link"
    box.kernel.delete_link("vpc-1")
    prepared = asyncio.run(planned(box))
    (theirs, *_) = [resource for resource in prepared.desired if isinstance(resource, IkeConnection)]
    box.charon.stranger_loads(replace(theirs, name="office", child=replace(theirs.child, name="office")))
    box.frr.configure("router bgp 64999\n bgp router-id 192.0.2.9\n")
    with pytest.raises(Refused) as error:
        asyncio.run(refuse_strangers(box.systems, asyncio.run(planned(box)), adopt=False))
    assert "office" in error.value.message
    assert "router bgp 64999" in error.value.message


def test_shared_remote_identities_do_not_evict_each_other(box: Box) -> None:
    twin = VPC_1.replace("vpc-1", "vpc-2").replace("169.254.23.", "169.254.24.")
    named = [text + "        remote-id: 198.51.100.7\n" for text in (VPC_1, twin.replace("100.7", "100.8", 1))]
    asyncio.run(applied(box, HEAD + connection("vpc", named)))
    policies = {r.name: r.unique for r in asyncio.run(box.holds()) if isinstance(r, IkeConnection)}
    assert policies == {"vpc-1": "never", "vpc-2": "never"}
    asyncio.run(applied(box, ONE))
    policies = {r.name: r.unique for r in asyncio.run(box.holds()) if isinstance(r, IkeConnection)}
    assert policies == {"vpc-1": "replace", "vpc-2": "replace"}


def test_twins_never_win_over_a_route_of_zebra(box: Box) -> None:
    asyncio.run(applied(box, TWO))
    twins = [resource for resource in asyncio.run(box.holds()) if isinstance(resource, Blackhole)]
    assert [twin.prefix for twin in twins] == [ip_network("10.9.0.0/16")]
    assert all(twin.metric >= BLACKHOLE_METRIC == 0xFF000000 for twin in twins)


def test_the_order_of_a_removal(box: Box) -> None:
    asyncio.run(applied(box, TWO))
    order: list[str] = []
    for door in box.refusers:
        door.tried = order
    asyncio.run(applied(box, HEAD.replace("connections:\n", "connections: []\n")))
    kept = list(takewhile(lambda one: one != "remove firewall-table", order))
    assert f"remove {FORWARD}" in kept
    assert order.index("remove ike-connection vpc-1") < order.index("remove xfrm-link vpc-1")
    assert not any(isinstance(r, XfrmLink | FirewallTable | IkeConnection) for r in asyncio.run(box.holds()))
    assert box.sysctl.values["net.ipv4.ip_forward"] == "0"
    assert box.sysctl.values["net.ipv4.nexthop_compat_mode"] == "1"
