"""What charon's door promises, shown on the fake and on two real charons joined by a cable."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from appliance.ipsec.applying import snapshots
from appliance.ipsec.connections import load_conn_message, render_swanctl
from appliance.ipsec.retry import Book
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemLacks
from appliance.model.resources import IkeConnection, Resource
from appliance.model.sa import SaEvent, TunnelSa
from tests.fakes.charon import FakeCharon
from tests.ipsec import rig
from tests.ipsec.rig import cloud_side, is_up, key, run, tunnel, until, varied

SECOND = "192.0.2.3"
"""The cloud's other outside address."""


class FakeBench:
    """Two fakes."""

    def __init__(self) -> None:
        self.cloud = FakeCharon()
        self.door = FakeCharon(self.cloud)

    def restart(self) -> None:
        self.door.restart()

    def stop(self) -> None:
        self.door.stop()

    def silence(self) -> None:
        self.cloud.silent = True

    def stranger_loads(self, connection: IkeConnection) -> None:
        self.door.stranger_loads(connection)

    def stranger_unloads(self, name: str) -> None:
        self.door.stranger_unloads(name)

    def cloud_reloads(self, connection: IkeConnection) -> None:
        self.cloud.stranger_loads(connection)

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


class RealBench:
    """Two charons, each in its own network namespace; a stranger is whoever does not use our door."""

    def __init__(self, us: rig.Node, cloud: rig.Node) -> None:
        self.us, self.far = us, cloud
        self.door, self.cloud = us.door, cloud.door
        rig.sh("ip", "-n", cloud.name, "address", "add", f"{SECOND}/24", "dev", "wan")
        rig.sh("ip", "-n", us.name, "link", "add", "vpc-2", "type", "xfrm", "if_id", "18")

    def restart(self) -> None:
        self.us.kill()
        self.us.start()

    def stop(self) -> None:
        self.us.kill()

    def silence(self) -> None:
        self.far.run("nft", "add table inet silence; add chain inet silence input { type filter hook input priority 0; "
                            "policy drop; }")  # fmt: skip

    def stranger_loads(self, connection: IkeConnection) -> None:
        with rig.conversation(self.us) as talk:
            talk.request("load-conn", load_conn_message(connection))

    def stranger_unloads(self, name: str) -> None:
        with rig.conversation(self.us) as talk:
            talk.request("unload-conn", {"name": name})

    def cloud_reloads(self, connection: IkeConnection) -> None:
        """The cloud changes its mind without closing what stands."""
        with rig.conversation(self.far) as talk:
            talk.request("load-conn", load_conn_message(connection))

    def clear(self) -> None:
        self.far.run("nft", "flush ruleset")
        for node in (self.us, self.far):
            rig.wipe(node)


@pytest.fixture(scope="module", params=["fake", "real"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "fake":
        yield FakeBench()
        return
    rig.require_charon()
    folder = tmp_path_factory.mktemp("charons")
    with rig.two_charons(folder) as (us, cloud):
        yield RealBench(us, cloud)


@pytest.fixture
def bench(shared: Any) -> Any:
    shared.clear()
    return shared


ONE, ONE_FAR = tunnel(), cloud_side()
TWO = varied(replace(tunnel(), name="vpc-2", remote=ip_address(SECOND), remote_id=SECOND, if_id=18),
             child_name="vpc-2")  # fmt: skip
TWO_FAR = varied(replace(cloud_side(), name="vpc-2", local=ip_address(SECOND), local_id=SECOND), child_name="vpc-2")
KEY = key()
KEY_TWO = replace(key(owners=(rig.US, SECOND)), id="vpc-2")


def adds(*resources: Resource) -> list[Change]:
    return [Change(None, resource) for resource in resources]


def good(outcomes: Sequence[Outcome]) -> None:
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)


async def both_up(bench: Any) -> dict[str, TunnelSa]:
    """Two tunnels, established."""
    good(await bench.cloud.apply(adds(KEY, KEY_TWO, ONE_FAR, TWO_FAR)))
    good(await bench.door.apply(adds(KEY, KEY_TWO, ONE, TWO)))

    async def two() -> dict[str, TunnelSa]:
        up = {sa.name: sa for sa in await bench.door.sas() if sa.up}
        return up if len(up) == 2 else {}

    return await until(two, "the two tunnels do not come up")


def same(sa: TunnelSa) -> tuple[int, str | None, str | None]:
    """What stays when an SA is left alone."""
    return sa.ike_id, sa.spi_in, sa.spi_out


def test_what_was_loaded_is_observed_and_comes_up_with_its_interface(bench: Any) -> None:
    async def story() -> None:
        up = await both_up(bench)
        assert {name: sa.if_id for name, sa in up.items()} == {"vpc-1": 17, "vpc-2": 18}
        assert up["vpc-1"].ike_proposal == "aes256-sha256-modp2048"
        assert await bench.door.observe() == {ONE, TWO, KEY, KEY_TWO}
        assert await bench.door.foreign() == ()
        assert len(await bench.door.sas()) == 2

    run(story())


def test_a_key_shows_no_secret_and_a_changed_one_leaves_the_tunnel_alone(bench: Any) -> None:
    async def story() -> None:
        before = await both_up(bench)
        other = key("another-fake-key")
        good(await bench.door.apply([Change(KEY, other)]))
        seen = {one for one in await bench.door.observe() if one.key == KEY.key}
        assert seen == {other}
        assert all(one.secret is None for one in seen)
        assert {name: same(sa) for name, sa in before.items()} == {sa.name: same(sa) for sa in await bench.door.sas()}

    run(story())


@pytest.mark.parametrize(
    "changes",
    [{"dpd_delay": 20}, {"rekey_time": 20000, "rand_time": 60}, {"unique": "never"}, {"child_rekey_time": 1800},
     {"child_dpd_action": "clear"}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_what_only_we_decide_is_changed_under_a_live_tunnel(bench: Any, changes: dict[str, Any]) -> None:
    async def story() -> None:
        before = await both_up(bench)
        new = varied(ONE, **changes)
        good(await bench.door.apply([Change(ONE, new)]))
        assert new in await bench.door.observe()
        assert {sa.name: same(sa) for sa in await bench.door.sas()} == {name: same(sa) for name, sa in before.items()}

    run(story())


@pytest.mark.parametrize(
    "changes",
    [{"proposals": ("aes256-sha256-modp2048", "aes128-sha256-modp2048")}, {"encap": True},
     {"child_proposals": ("aes256-sha256-modp2048", "aes128-sha256-modp2048")}, {"child_replay_window": 64}],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_what_both_ends_agreed_on_is_agreed_on_anew_by_this_tunnel_alone(bench: Any, changes: dict[str, Any]) -> None:
    async def story() -> None:
        before = await both_up(bench)
        good(await bench.door.apply([Change(ONE, varied(ONE, **changes))]))

        async def renewed() -> bool:
            now = {sa.name: sa for sa in await bench.door.sas() if sa.up}
            return "vpc-1" in now and now["vpc-1"].spi_in != before["vpc-1"].spi_in

        await until(renewed, "the changed tunnel does not come back")
        now = await bench.door.sas()
        assert [sa.name for sa in now] == ["vpc-1", "vpc-2"]
        assert same(now[1]) == same(before["vpc-2"])

    run(story())


def test_a_removed_tunnel_is_gone_at_both_ends_and_its_neighbour_untouched(bench: Any) -> None:
    async def story() -> None:
        before = await both_up(bench)
        good(await bench.door.apply([Change(ONE, None), Change(KEY, None)]))
        assert [same(sa) for sa in await bench.door.sas()] == [same(before["vpc-2"])]
        assert await bench.door.observe() == {TWO, KEY_TWO}

        async def gone() -> bool:
            return {sa.name for sa in await bench.cloud.sas()} == {"vpc-2"}

        await until(gone, "the cloud still has the removed tunnel")

    run(story())


def test_a_tunnel_with_a_silent_peer_is_removed_all_the_same(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        bench.silence()
        good(await bench.door.apply([Change(ONE, None), Change(TWO, None)]))
        assert await bench.door.sas() == ()

    run(story())


def test_a_tunnel_that_is_still_calling_is_removed(bench: Any) -> None:
    async def story() -> None:
        bench.silence()
        good(await bench.door.apply(adds(KEY, ONE)))
        assert [sa.ike_state for sa in await bench.door.sas()] == ["connecting"]
        good(await bench.door.apply([Change(ONE, None)]))
        assert await bench.door.sas() == ()

    run(story())


def test_a_restarted_charon_holds_nothing(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        await asyncio.to_thread(bench.restart)
        assert await bench.door.observe() == frozenset()
        assert await bench.door.foreign() == ()

    run(story())


def test_a_charon_that_is_not_there_is_named_as_missing(bench: Any) -> None:
    async def story() -> None:
        bench.stop()
        (lack,) = await bench.door.lacks()
        assert lack.exit == 6
        with pytest.raises(SystemLacks):
            await bench.door.observe()

    run(story())


def test_what_a_stranger_takes_away_or_loads_anew_no_longer_stands(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        bench.stranger_unloads("vpc-1")
        bench.stranger_loads(varied(TWO, dpd_delay=77))
        seen = {resource.key: resource for resource in await bench.door.observe()}
        assert seen.keys() == {KEY.key, KEY_TWO.key, TWO.key}
        assert seen[TWO.key] != TWO
        assert await bench.door.foreign() == ()
        good(await bench.door.apply([Change(None, ONE), Change(seen[TWO.key], TWO)]))
        assert await bench.door.observe() == {KEY, KEY_TWO, ONE, TWO}

    run(story())


def test_ours_are_known_by_their_mark_when_the_record_is_lost(bench: Any) -> None:
    async def story() -> None:
        marked = varied(ONE, child_name="appliance-vpc-1", child_start_action="none")
        bench.stranger_loads(marked)
        assert await bench.door.foreign() == ()
        (found,) = await bench.door.observe()
        assert found.key == marked.key
        assert found != marked
        good(await bench.door.apply([Change(found, None)]))
        assert await bench.door.observe() == frozenset()
        assert await bench.door.foreign() == ()

    run(story())


def test_a_strangers_connection_is_named_and_never_overwritten(bench: Any, tmp_path: Path) -> None:
    async def story() -> None:
        bench.stranger_loads(varied(ONE, child_start_action="none"))
        assert await bench.door.observe() == frozenset()
        assert await bench.door.foreign() == ("connection vpc-1",)
        (outcome,) = await bench.door.apply(adds(ONE))
        assert "not ours" in str(outcome.error)
        assert await bench.door.foreign() == ("connection vpc-1",)
        assert await bench.door.adopt(tmp_path / "before.json") == ("connection vpc-1",)
        good(await bench.door.apply(adds(ONE)))

    run(story())


def test_one_bad_change_does_not_stop_the_others(bench: Any) -> None:
    async def story() -> None:
        hostile = replace(TWO, remote_id='x"\n}\nsecrets {')
        nothing = replace(KEY_TWO, secret=None)
        unknown = varied(TWO, child_proposals=("rot13-sha1",))
        outcomes = await bench.door.apply(adds(KEY, hostile, nothing, ONE))
        assert [outcome.error is None for outcome in outcomes] == [True, False, False, True]
        assert await bench.door.observe() == {KEY, ONE}
        if not isinstance(bench, FakeBench):
            (refusal,) = await bench.door.apply(adds(unknown))
            assert "proposal" in str(refusal.error)

    run(story())


def test_a_rekey_brings_a_new_child_and_says_so(bench: Any) -> None:
    async def story() -> None:
        before = await both_up(bench)
        async with bench.door.listen() as heard:
            outcome = await bench.door.rekey_child("vpc-1")
            assert outcome.done
            assert "NO_PROPOSAL" not in str(outcome.lines)

            async def told() -> bool:
                return SaEvent("child-rekey", "vpc-1", up=True) in heard.heard

            await until(told, "nothing was heard of the rekey")
        now = {sa.name: sa for sa in await bench.door.sas() if sa.child_state == "installed"}
        assert now["vpc-1"].spi_in != before["vpc-1"].spi_in
        assert now["vpc-1"].esp_proposal == "aes256-sha256-modp2048"
        assert same(now["vpc-2"]) == same(before["vpc-2"])

    run(story())


def test_a_pfs_mismatch_shows_at_the_first_rekey_and_the_tunnel_lives_on(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(KEY, varied(ONE_FAR, child_proposals=("aes256-sha256-modp1024",)))))
        good(await bench.door.apply(adds(KEY, ONE)))
        before = await until(lambda: is_up(bench.door), "the tunnel does not come up")
        assert before is not None
        outcome = await bench.door.rekey_child("vpc-1")
        assert not outcome.done
        assert any("received NO_PROPOSAL_CHOSEN" in line.text for line in outcome.lines), outcome.lines
        after = await is_up(bench.door)
        assert after is not None
        assert same(after) == same(before)

    run(story())


def test_a_tunnel_is_started_once_however_often_it_is_asked_for(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        await bench.door.initiate("vpc-1")
        assert len(await bench.door.sas()) == 2
        await bench.door.terminate("vpc-1")
        assert [sa.name for sa in await bench.door.sas()] == ["vpc-2"]
        await bench.door.initiate("vpc-1")
        await until(lambda: is_up(bench.door), "the tunnel does not come back")

    run(story())


def test_a_listener_hears_why_a_tunnel_fails_and_iterates_in_order(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(key("another-fake-key"), ONE_FAR)))
        async with bench.door.listen() as heard:
            good(await bench.door.apply(adds(KEY, ONE)))

            async def refused() -> bool:
                return any("AUTHENTICATION_FAILED" in line.text for line in heard.lines())

            await until(refused, "the refusal was not heard")
            first = await asyncio.wait_for(anext(aiter(heard)), 1)
            assert first == heard.heard[0]

    run(story())


def test_only_the_child_is_started_where_only_the_child_is_missing(bench: Any) -> None:
    async def story() -> None:
        refusing = varied(ONE_FAR, child_proposals=("aes128-sha1-modp2048",))
        good(await bench.cloud.apply(adds(KEY, refusing)))
        good(await bench.door.apply(adds(KEY, ONE)))

        async def childless() -> TunnelSa | None:
            return next((sa for sa in await bench.door.sas() if sa.ike_state == "established" and not sa.up), None)

        before = await until(childless, "there is no IKE_SA without a child")
        assert before is not None
        bench.cloud_reloads(ONE_FAR)
        await bench.door.initiate("vpc-1")
        await until(lambda: is_up(bench.door), "the child does not come up")
        assert len(await bench.door.sas()) == 1

    run(story())


def test_ikev1_comes_up_rekeys_and_goes(bench: Any) -> None:
    async def story() -> None:
        old, old_far = varied(ONE, version=1, dpd_timeout=30), varied(ONE_FAR, version=1)
        good(await bench.cloud.apply(adds(KEY, old_far)))
        good(await bench.door.apply(adds(KEY, old)))
        before = await until(lambda: is_up(bench.door), "the tunnel does not come up")
        assert before is not None
        assert (before.version, before.if_id) == (1, 17)
        assert (await bench.door.rekey_child("vpc-1")).done

        async def renewed() -> bool:
            return any(sa.up and sa.spi_in != before.spi_in for sa in await bench.door.sas())

        await until(renewed, "there is no new child")
        assert await bench.door.observe() == {KEY, old}
        good(await bench.door.apply([Change(old, None)]))
        assert await bench.door.sas() == ()

    run(story())


def test_the_rendered_file_means_to_swanctl_what_we_load(bench: Any, tmp_path: Path) -> None:
    if isinstance(bench, FakeBench):
        pytest.skip("only charon can judge the file")
    connections = [varied(one, child_start_action="none") for one in (ONE, varied(TWO, version=1, dpd_timeout=30))]
    good(run(bench.door.apply(adds(*connections))))
    file, text = tmp_path / "swanctl.conf", render_swanctl(connections, (KEY, KEY_TWO))

    def load(text: str) -> str:
        file.write_text(text)
        command = ["swanctl", "--load-conns", "--file", str(file), "--uri", f"unix://{bench.far.socket}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "syntax error" in load(text.replace("connections {", "connections {{", 1))
    assert "loaded 2 connections" in load(text)
    with rig.conversation(bench.us) as ours, rig.conversation(bench.far) as theirs:
        assert snapshots(ours) == snapshots(theirs)


def test_two_that_call_at_once_end_up_with_one_tunnel(bench: Any) -> None:
    async def story() -> None:
        if isinstance(bench, FakeBench):
            pytest.skip("calls in memory take no time, so none cross")
        good(await bench.door.apply(adds(KEY)))
        good(await bench.cloud.apply(adds(KEY)))
        eager = varied(ONE_FAR, child_start_action="start")
        await asyncio.gather(bench.door.apply(adds(ONE)), bench.cloud.apply(adds(eager)))

        async def one_and_the_same() -> bool:
            await bench.door.tidy(settled_s=1)
            ours, theirs = await bench.door.sas(), await bench.cloud.sas()
            settled = [sa.up and (sa.installed_s or 0) >= 2 for sa in ours] == [True]
            return settled and [sa.ike_spis for sa in ours] == [sa.ike_spis for sa in theirs]

        await until(one_and_the_same, "the two ends do not come to one tunnel", patience=60.0)

    run(story())


def test_a_refused_tunnel_comes_up_once_the_cloud_has_changed_its_mind(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(key("another-fake-key"), ONE_FAR)))
        good(await bench.door.apply(adds(KEY, ONE)))
        book: Book = {}

        async def idle() -> bool:
            return await bench.door.sas() == ()

        async def tended() -> TunnelSa | None:
            nonlocal book
            book = await bench.door.tend(book)
            return await is_up(bench.door)

        await until(idle, "the tunnel is not refused")
        assert await tended() is None
        assert book.keys() == {"vpc-1"}
        await until(idle, "the tunnel is not refused again")
        good(await bench.cloud.apply([Change(key("another-fake-key"), KEY)]))
        await until(tended, "the tunnel is not called again")
        await tended()
        assert book == {}

    run(story())


def test_a_tunnel_that_the_cloud_closes_is_called_back(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        await bench.cloud.terminate("vpc-1")
        book: Book = {}

        async def tended() -> bool:
            nonlocal book
            book = await bench.door.tend(book)
            return {sa.name for sa in await bench.door.sas() if sa.up} == {"vpc-1", "vpc-2"}

        await until(tended, "the tunnel is not called back")
        assert len(await bench.door.sas()) == 2

    run(story())
