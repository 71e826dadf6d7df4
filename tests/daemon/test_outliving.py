"""What the real ExaBGP brought outlives it, its daemon and its far ends, exactly as it should."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.announce.far import REFRESH, until
from tests.contracts.namespace import ip
from tests.daemon.embedded import NET, Scene, play
from tests.fakes.box import Box


@pytest.mark.parametrize("who", ["exabgp", "bridge"])
def test_routes_outlive_the_speaker_and_what_is_not_said_again_goes(box: Box, folder: Path, who: str) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        await at.both_offer(NET, "10.2.0.0/16")
        both = {"vpc-1", "vpc-2"}
        first = at.process
        victim = first if who == "exabgp" else int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
        os.kill(victim, signal.SIGKILL)
        await until(lambda: not any(end.up for end in at.ends.values()))
        assert at.routes() == {NET: both, "10.2.0.0/16": both}
        await at.both_up()
        assert at.process != first
        at.ends["vpc-1"].offer([NET])
        at.ends["vpc-1"].end_of_rib()
        await until(lambda: at.routes() == {NET: both, "10.2.0.0/16": {"vpc-2"}})
        at.ends["vpc-2"].offer([NET])
        at.ends["vpc-2"].end_of_rib()
        await until(lambda: at.routes() == {NET: both})

    play(box, folder, scene)


def test_routes_outlive_the_daemon_and_are_taken_over(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        life = at.ends["vpc-1"].sessions + 1
        before = at.routes()
        await at.want()
        assert at.routes() == before
        await until(lambda: all(end.up and end.sessions == life for end in at.ends.values()))
        await at.both_offer(*([NET] if before else [NET, "10.2.0.0/16"]))

    play(box, folder, scene, times=2)


def test_what_a_stranger_takes_from_the_kernel_comes_back(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        at.ends["vpc-1"].offer([NET, "10.2.0.0/16"])
        await until(lambda: len(at.routes()) == 2)
        ip("route delete 10.2.0.0/16 proto 174")
        ip("nexthop flush proto 174")
        assert at.routes() == {}
        await at.want()
        assert at.routes() == {NET: {"vpc-1"}, "10.2.0.0/16": {"vpc-1"}}

    play(box, folder, scene)


def test_a_gateway_that_restarts_gracefully_keeps_its_routes_and_one_that_says_goodbye_does_not(
    box: Box, folder: Path
) -> None:
    """RFC 4724, section 4.2: a connection that is lost without a NOTIFICATION."""

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        end.restart = 60
        await at.want()
        await until(lambda: end.up)
        end.offer([NET, "10.2.0.0/16"])
        end.end_of_rib()
        await until(lambda: len(at.routes()) == 2)
        end.cut()
        await until(lambda: any("is lost" in line for line in at.said))
        assert len(at.routes()) == 2
        await until(lambda: end.sessions == 2 and end.up)
        end.offer([NET])
        end.end_of_rib()
        await until(lambda: at.routes() == {NET: {"vpc-1"}})
        end.notify(6, 2)
        await until(lambda: at.routes() == {})

    play(box, folder, scene)


def test_a_gateway_that_asks_for_it_is_told_all_again(box: Box, folder: Path) -> None:
    """RFC 2918: IPv4 unicast once more, over the same session."""
    lan = bytes((24, 172, 16, 20))

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        await at.want()
        await until(lambda: sum(lan in body for body in end.updates()) == 1)
        end.say(REFRESH, bytes((0, 1, 0, 1)))
        await until(lambda: sum(lan in body for body in end.updates()) == 2)
        assert end.sessions == 1

    play(box, folder, scene)
