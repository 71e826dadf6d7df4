"""What charon's door promises, shown on the fake and on two real charons joined by a cable."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.ipsec.connections import render_swanctl
from appliance.ipsec.talking import snapshots
from appliance.model.change import Change
from appliance.model.fault import SystemLacks
from tests.contracts.charons import KEY, KEY_TWO, ONE, TWO, FakeBench, adds, both_up, good, same
from tests.ipsec import rig
from tests.ipsec.rig import key, run, until, varied


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


@pytest.mark.parametrize("shared", ["real"], indirect=True)
def test_the_rendered_file_means_to_swanctl_what_we_load(bench: Any, tmp_path: Path) -> None:
    """Only charon can judge the file."""
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
