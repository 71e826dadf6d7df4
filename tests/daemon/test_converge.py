"""In which order doors are told: one after the other, but for charon and FRR, of which neither waits for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_interface

import pytest

from appliance.daemon.converge import carry_out
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.resources import FrrConfig, IkeConnection, InsideAddress, Resource, SharedKey, XfrmLink
from tests.ipsec.rig import key, tunnel

KEY, IKE, FRR = key(), tunnel(), FrrConfig("router bgp 65000\n")
LINK = XfrmLink("vpc-1", tunnel().if_id, 1400, "appliance:vpc/vpc-1")


class Waiting:
    """A door that tells when it begins and ends, and in between lets others begin."""

    def __init__(self, story: list[str], *kinds: type, fails: bool = False, breaks: bool = False) -> None:
        self.owns = kinds
        self._story, self._fails, self._breaks = story, fails, breaks

    async def observe(self) -> frozenset[Resource]:
        return frozenset()

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        self._story.append(f"begin {self.owns[0].__name__}")
        for _ in range(3):
            await asyncio.sleep(0)
        self._story.append(f"end {self.owns[0].__name__}")
        if self._breaks:
            raise SystemFailure("went away")
        return [Outcome(change, "refused" if self._fails else None) for change in changes]


def doors(story: list[str], **frr: bool) -> tuple[Waiting, ...]:
    return (
        Waiting(story, XfrmLink, InsideAddress),
        Waiting(story, SharedKey, IkeConnection),
        Waiting(story, FrrConfig, **frr),
    )


def test_charon_and_frr_are_told_together_what_comes_once_the_links_are_there() -> None:
    story: list[str] = []
    changes = [Change(None, LINK), Change(None, KEY), Change(None, IKE), Change(None, FRR)]
    report = asyncio.run(carry_out(changes, doors(story)))
    assert [one.change for one in report.outcomes] == changes
    assert story[:2] == ["begin XfrmLink", "end XfrmLink"]
    assert story[2:4] == ["begin SharedKey", "begin FrrConfig"]


def test_what_charon_holds_waits_for_no_address_inside_and_bgp_does() -> None:
    """A neighbour's session begins from an address that is there, and the old one goes when nobody uses it."""
    story: list[str] = []
    come, gone = (InsideAddress("vpc-1", ip_interface(f"169.254.{net}.2/30")) for net in (80, 10))
    changes = [Change(None, come), Change(IKE, IKE), Change(FRR, FRR), Change(gone, None)]
    report = asyncio.run(carry_out(changes, doors(story)))
    assert [one.change for one in report.outcomes] == changes
    assert story[:2] == ["begin SharedKey", "begin XfrmLink"]
    others = [line for line in story if "SharedKey" not in line]
    assert others == [f"{word} {kind}" for kind in ("XfrmLink", "FrrConfig", "XfrmLink") for word in ("begin", "end")]


@pytest.mark.parametrize(
    "changes",
    [
        [Change(FRR, None), Change(IKE, None), Change(KEY, None)],
        [Change(FRR, FrrConfig("router bgp 65001\n")), Change(IKE, None)],
        [Change(None, KEY), Change(FRR, None)],
    ],
)
def test_what_goes_goes_in_order(changes: list[Change]) -> None:
    """A neighbour hears our goodbye through the tunnel."""
    story: list[str] = []
    asyncio.run(carry_out(changes, doors(story)))
    assert [line.split()[0] for line in story] == ["begin", "end"] * (len(story) // 2)


def test_what_one_of_them_refuses_does_not_keep_the_other() -> None:
    report = asyncio.run(carry_out([Change(None, IKE), Change(None, FRR)], doors([], fails=True)))
    assert [one.error for one in report.outcomes] == [None, "refused"]


def test_when_one_breaks_off_the_other_is_through() -> None:
    story: list[str] = []
    with pytest.raises(SystemFailure):
        asyncio.run(carry_out([Change(None, IKE), Change(None, FRR)], doors(story, breaks=True)))
    assert story[-1].startswith("end")
    assert len(story) == 4


def test_what_rests_on_what_failed_is_not_tried() -> None:
    story: list[str] = []
    links = Waiting(story, XfrmLink, fails=True)
    report = asyncio.run(carry_out([Change(None, LINK), Change(None, IKE)], (links, *doors(story)[1:])))
    assert [one.error is None for one in report.outcomes] == [False, False]
