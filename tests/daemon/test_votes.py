"""So many of a tunnel's targets must answer as the intent says, through all that the daemon does with it."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import pytest

from appliance.model.health import LOST
from tests.daemon.working import STATIC, over, play, rested, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard")

TARGETS = "    probe: {{targets: [peer-inside, {{icmp: 10.0.0.9}}, {{icmp: 10.0.0.10}}], need: {need}}}\n"


def falls_silent(box: Box, tunnel: str, host: str) -> None:
    """This one host answers over this tunnel no more, for a second by now; over the other one it does."""
    (one,) = (target for target in box.prober.healths if (target.tunnel, str(target.address)) == (tunnel, host))
    since = monotonic() - 1
    box.prober.healths[one] = replace(box.prober.healths[one], state=LOST, since=since, streak=0, lost_at=since)
    box.prober.answers("vpc-2")


@pytest.mark.parametrize(("need", "enough"), [(1, 3), (2, 2), (3, 1)])
def test_a_path_is_dead_when_fewer_answer_than_are_needed(box: Box, need: int, enough: int) -> None:
    async def scene() -> None:
        await until(lambda: len(box.prober.healths) == 6)
        box.prober.answers("vpc-1", "vpc-2")
        await rested(box)
        hosts = ["10.0.0.9", "10.0.0.10", "169.254.23.5"]
        for host in hosts[: enough - 1]:
            falls_silent(box, "vpc-1", host)
            await rested(box)
            assert over(box) == ("vpc-1",)
        falls_silent(box, "vpc-1", hosts[enough - 1])
        await until(lambda: over(box) == ("vpc-2",))

    said = play(box, STATIC.replace("mode: static\n", "mode: static\n" + TARGETS.format(need=need)), scene)
    assert any("vpc-2 carries instead of vpc-1 (vpc-1: no answer" in one for one in said), said
