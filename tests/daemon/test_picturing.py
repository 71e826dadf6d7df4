"""An order that goes by what is known does what one that looks at everything does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.daemon.mending import remember
from appliance.daemon.passes import parse_loaded, resolve_secrets, start_rereading
from appliance.daemon.performing import perform
from appliance.daemon.picturing import Known, Pictures
from appliance.daemon.wiring import Systems
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.order import Commit, Made
from appliance.model.resources import FrrConfig, Resource, Sysctl
from tests.daemon.sites import HEAD, LAB, LAB_1, LAB_2, ONE, TWO, VPC, VPC_1, VPC_2, connection, settle_in
from tests.fakes.box import Box

WEAKER = VPC_1.replace("aes256-sha256-modp2048], lifetime: 3600", "aes128-sha256-modp2048], lifetime: 3600")
MOVED = VPC_1.replace("169.254.23.", "169.254.33.")
STATIC = connection("lab", [LAB_1, LAB_2], "    networks: [10.9.0.0/16]\n").replace("mode: bgp", "mode: static")
TEXTS = {
    "one connection": ONE,
    "two": TWO,
    "the other one": HEAD + LAB,
    "another cipher": HEAD + connection("vpc", [WEAKER, VPC_2]) + LAB,
    "another inside address": HEAD + connection("vpc", [MOVED, VPC_2]) + LAB,
    "a tunnel less": HEAD + connection("vpc", [VPC_2]) + LAB,
    "static": HEAD + VPC + STATIC.replace("    peer-asn: 64512\n", ""),
    "another order": HEAD + LAB + VPC,
    "another site": TWO.replace("networks: [172.16.20.0/24]", "networks: [172.16.20.0/24, 172.16.21.0/24]"),
    "another name of the uplink": TWO.replace("isp1", "wan"),
    "nothing": "",
}


async def order(box: Box, systems: Systems, text: str, known: Known) -> tuple[Made, ...]:
    secrets = resolve_secrets(systems, parse_loaded(text, "x").intent) if text else {}
    commit = Commit(text, "test", box.store.read_intent(), secrets=secrets, adopt=False)
    return await perform(systems, commit, lambda _: None, known)


def begun(folder: Path) -> Box:
    """Fingerprints are the same on each."""
    box = Box(folder)
    settle_in(box, "")
    box.store.state_dir.mkdir(parents=True)
    (box.store.state_dir / "fingerprint.key").write_bytes(bytes(32))
    return box


@pytest.mark.parametrize("seed", range(12))
def test_the_same_orders_leave_the_same_whether_or_not_what_stands_is_known(seed: int, tmp_path: Path) -> None:
    """Step by step, the same changes in the same order too; and a second order for the same changes nothing."""
    chance = random.Random(seed)
    names = [chance.choice(list(TEXTS)) for _ in range(6)]
    by_memory, by_looking = begun(tmp_path / "one"), begun(tmp_path / "other")

    async def scene() -> None:
        systems, others = by_memory.systems, by_looking.systems
        known = Known(start_rereading())
        for name in names:
            made = await order(by_memory, systems, TEXTS[name], known)
            looked = await order(by_looking, others, TEXTS[name], Known(start_rereading()))
            assert [(one.verb, one.key, one.error) for one in made] == [(o.verb, o.key, o.error) for o in looked], name
            assert await by_memory.holds() == await by_looking.holds(), name
            writes = by_memory.writes
            assert await order(by_memory, systems, TEXTS[name], known) == ()
            assert by_memory.writes == writes

    asyncio.run(scene())


def test_a_change_that_failed_is_not_taken_for_done(tmp_path: Path) -> None:
    box = begun(tmp_path)

    async def scene() -> None:
        systems, known = box.systems, Known(start_rereading())
        await order(box, systems, ONE, known)
        box.charon.refusing = {"ike-connection lab-1"}
        made = await order(box, systems, TWO, known)
        assert [one.key for one in made if one.error] == ["ike-connection lab-1"]
        box.charon.refusing = set()
        assert [one.key for one in await order(box, systems, TWO, known)] == ["ike-connection lab-1"]
        assert await order(box, systems, TWO, Known(start_rereading())) == ()

    asyncio.run(scene())


def test_a_door_that_breaks_off_leaves_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It did all of it, and could not say so."""
    box = begun(tmp_path)
    apply = box.nft.apply

    async def breaks_off(changes: Sequence[Change]) -> Sequence[Outcome]:
        await apply(changes)
        raise SystemFailure("the answer was lost")

    async def scene() -> None:
        systems, known = box.systems, Known(start_rereading())
        await order(box, systems, ONE, known)
        monkeypatch.setattr(box.nft, "apply", breaks_off)
        with pytest.raises(SystemFailure):
            await order(box, systems, TWO, known)
        monkeypatch.setattr(box.nft, "apply", apply)
        assert "firewall-table" not in [one.key for one in await order(box, systems, TWO, known)]
        assert await order(box, systems, TWO, Known(start_rereading())) == ()

    asyncio.run(scene())


def test_what_sessions_were_told_beside_orders_is_seen(tmp_path: Path) -> None:
    """The daemon holds them by its verdicts, between two orders."""
    box = begun(tmp_path)

    async def scene() -> None:
        systems, known = box.systems, Known(start_rereading())
        await order(box, systems, ONE, known)
        (config,) = await box.frr.observe()
        assert isinstance(config, FrrConfig)
        held = FrrConfig(config.text.replace("timers connect 10", "timers connect 11"))
        await box.frr.apply([Change(config, held)])
        assert [one.key for one in await order(box, systems, ONE, known)] == ["frr-config"]

    asyncio.run(scene())


def test_what_there_is_news_of_is_looked_at(tmp_path: Path) -> None:
    """Somebody took a link: as long as nobody told of it an order goes by what was seen; then it brings it back."""
    box = begun(tmp_path)

    async def scene() -> None:
        systems = box.systems
        memory = remember(systems)
        await order(box, systems, TWO, memory.known)
        box.nft.flush()
        assert await order(box, systems, TWO, memory.known) == ()
        memory.known.pictures.forget(systems.firewall)
        assert [one.key for one in await order(box, systems, TWO, memory.known)] == ["firewall-table"]

    asyncio.run(scene())


def test_a_look_in_the_middle_of_an_order_is_not_taken_for_what_the_order_saw() -> None:
    """A setting that somebody changed meanwhile tells nobody: the next order finds it in the picture."""
    wanted, strange = frozenset({Sysctl("a", "1")}), frozenset({Sysctl("a", "0")})

    class Settings:
        owns = (Sysctl,)
        shown = wanted

        async def observe(self) -> frozenset[Resource]:
            return self.shown

        async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
            return ()

    async def scene() -> None:
        door, pictures = Settings(), Pictures()
        await pictures.look(door)
        seen = pictures.seen
        pictures.agree(wanted, seen)
        assert pictures.shows(door, wanted)
        door.shown = strange
        await pictures.look(door)
        assert not pictures.shows(door, wanted)
        pictures.agree(wanted, seen)
        assert not pictures.shows(door, wanted)
        assert await pictures.recall(door) == strange

    asyncio.run(scene())


def test_what_was_made_is_in_the_picture_step_by_step() -> None:
    """What stepped aside for a moment is not."""
    had, between, has = (Sysctl("a", value) for value in "012")
    door = Box(Path("/nowhere")).systems.sysctl

    async def scene() -> None:
        pictures = Pictures()
        await pictures.look(door)
        pictures.correct(door, [Outcome(Change(None, had))])
        pictures.correct(door, [Outcome(Change(had, between)), Outcome(Change(between, has))])
        assert await pictures.recall(door) == {has}

    asyncio.run(scene())
