"""Which sessions go from the one speaker to the other without a goodbye, and which with one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from appliance.announce.exabgp_api import Exabgp
from appliance.daemon.handing import hand_over
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.peering import router_configs, speaker_configs
from appliance.design.wish import Wish
from appliance.kernel.resetting import Ends
from appliance.model.change import Change
from tests.daemon.sites import HEAD, LAB_1, LAB_2, VPC_1, VPC_2, connection
from tests.fakes.box import Box

EMBEDDED = "    speaker: exabgp\n"
VPC = {("169.254.23.6", "169.254.23.5"), ("169.254.22.74", "169.254.22.73")}


def wish(vpc: str = "", lab: str | None = None) -> Wish:
    """One connection with these lines, or two."""
    text = HEAD + connection("vpc", [VPC_1, VPC_2], vpc)
    text += "" if lab is None else connection("lab", [LAB_1, LAB_2], lab)
    return Wish(parse_loaded(text, "site.yaml").intent, read_templates())


def change(old: Wish, new: Wish) -> list[Change]:
    """What the plan between the two says of the speakers."""
    found = []
    for configs in (router_configs, speaker_configs):
        before, after = (next(iter(configs(one)), None) for one in (old, new))
        found += [Change(before, after)] if before != after else []
    return found


def hand(box: Box, folder: Path, old: Wish, new: Wish) -> tuple[set[tuple[str, str]], bool]:
    """The sessions that are reset, and whether ExaBGP may end without a word."""
    reset: set[tuple[str, str]] = set()

    async def note(sessions: Collection[Ends]) -> int:
        reset.update((str(ours), str(theirs)) for ours, theirs in sessions)
        return len(reset)

    systems = replace(box.systems, exabgp=Exabgp(folder, folder / "speaker.sock"), reset=note)
    asyncio.run(hand_over(systems, new, change(old, new)))
    return reset, systems.exabgp.handed_on.exists()


def test_frr_loses_what_exabgp_takes_over(box: Box, tmp_path: Path) -> None:
    assert hand(box, tmp_path, wish(), wish(EMBEDDED)) == (VPC, False)


def test_of_two_connections_the_one_that_stays_with_its_speaker_is_left_alone(box: Box, tmp_path: Path) -> None:
    assert hand(box, tmp_path, wish("", EMBEDDED), wish(EMBEDDED, EMBEDDED)) == (VPC, False)


def test_exabgp_ends_without_a_word_where_frr_takes_over(box: Box, tmp_path: Path) -> None:
    assert hand(box, tmp_path, wish(EMBEDDED), wish()) == (set(), True)


def test_a_connection_that_goes_is_told_goodbye_and_a_new_one_takes_nothing_over(box: Box, tmp_path: Path) -> None:
    one, two = wish(EMBEDDED), wish(EMBEDDED, EMBEDDED)
    none = Wish(parse_loaded(HEAD.replace("connections:\n", ""), "site.yaml").intent, read_templates())
    for old, new in ((one, none), (two, one), (one, two), (none, one)):
        assert hand(box, tmp_path, old, new) == (set(), False)
