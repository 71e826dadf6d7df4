"""Waiting for tunnels: what is said meanwhile, when it ends, and the reason where one does not come up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.daemon.passes import Prepared, apply
from appliance.daemon.waiting import LOOK_EVERY, SETTLED_AFTER, Waited, rekey_children, wait_until_up
from appliance.model.finding import Finding
from appliance.model.resources import IkeConnection, SharedKey
from appliance.model.secret import Secret
from tests.daemon.sites import ONE, planned, settle_in
from tests.fakes.box import Box, mirrored
from tests.fakes.charon import Held
from tests.fakes.frr import FarEnd

PATIENCE = 40.0
LEARNED = ip_network("10.0.0.0/16")
PEERS = {"vpc-1": ip_address("169.254.23.5"), "vpc-2": ip_address("169.254.22.73")}


@dataclass
class Wait:
    """How a wait went: what was said, how long it took, what was found."""

    said: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    waited: Waited | None = None
    rekeyed: tuple[Finding, ...] = ()

    @property
    def codes(self) -> dict[str, str]:
        assert self.waited is not None
        return {finding.where: finding.code for finding in (*self.waited.findings, *self.rekeyed)}

    def of(self, tunnel: str) -> list[str]:
        return [news for name, news in self.said if name == tunnel]


Prepare = Callable[[Box, Prepared], None]


def wait(box: Box, prepare: Prepare = lambda box, prepared: None, text: str = ONE) -> Wait:
    """Apply and wait, as ``configure`` does; ``prepare`` makes the far end what a test wants."""

    async def scene() -> Wait:
        settle_in(box, text)
        prepared = await planned(box)
        prepare(box, prepared)
        went = Wait()
        (connection,) = prepared.wish.intent.connections
        async with box.charon.listen() as heard:
            await apply(box.systems, prepared, text, "test", None)
            begun = box.clock.now
            say = lambda tunnel, news: went.said.append((tunnel, news))  # noqa: E731
            went.waited = await wait_until_up(box.systems, prepared.wish, connection, heard, PATIENCE, say)
            went.seconds = box.clock.now - begun
        went.rekeyed = await rekey_children(box.systems, went.waited, connection, say)
        return went

    return asyncio.run(scene())


def far_end_has(box: Box, prepared: Prepared, tunnel: str, **different: object) -> None:
    """The cloud's connection for one tunnel is not what ours expects."""
    ours = next(r for r in prepared.desired if isinstance(r, IkeConnection) and r.name == tunnel)
    theirs = replace(mirrored(ours), **different)  # type: ignore[arg-type]
    box.cloud.held[theirs.name] = Held(theirs)


def test_everything_is_up_at_once(box: Box) -> None:
    went = wait(box)
    assert went.waited is not None
    assert went.waited.up
    assert went.codes == {}
    assert went.seconds == 0
    assert went.of("vpc-1") == ["carrying", "child rekeyed"]


def test_a_far_end_that_answers_late(box: Box) -> None:
    def answer(now: float) -> None:
        if now >= 1007:
            box.cloud.silent = False
            box.charon.call_again()

    box.cloud.silent = True
    box.clock.ticks.append(answer)
    went = wait(box)
    assert went.codes == {}
    assert 7 <= went.seconds < 7 + 2 * LOOK_EVERY
    assert went.of("vpc-2") == [
        "ike connecting, child none, bgp active", "carrying", "child rekeyed",
    ]  # fmt: skip


def test_silence_is_waited_out_to_the_end(box: Box) -> None:
    box.cloud.silent = True
    went = wait(box)
    assert went.codes == {"vpc-1": "no-answer", "vpc-2": "no-answer"}
    assert PATIENCE <= went.seconds < PATIENCE + 2 * LOOK_EVERY
    assert went.waited is not None
    assert "198.51.100.7 does not answer on UDP 500" in went.waited.findings[0].message
    assert went.of("vpc-1") == ["ike connecting, child none, bgp active"]


def wrong_key(box: Box, prepared: Prepared) -> None:
    other = Secret("Fake.key.of.somebody.else")
    key = next(r for r in prepared.desired if isinstance(r, SharedKey) and r.id == "appliance-vpc-2")
    box.cloud.keys["theirs"] = replace(key, secret=other)


def wrong_proposals(box: Box, prepared: Prepared) -> None:
    far_end_has(box, prepared, "vpc-2", proposals=("aes256gcm16-prfsha384-ecp384",))


def wrong_child_proposals(box: Box, prepared: Prepared) -> None:
    ours = next(r for r in prepared.desired if isinstance(r, IkeConnection) and r.name == "vpc-2")
    far_end_has(box, prepared, "vpc-2", child=replace(ours.child, proposals=("aes256gcm16-ecp384",)))


def wrong_peer_asn(box: Box, prepared: Prepared) -> None:
    box.far = {PEERS["vpc-2"]: FarEnd(64999, 65010, {LEARNED: 0})}


def wrong_own_asn(box: Box, prepared: Prepared) -> None:
    box.far = {PEERS["vpc-2"]: FarEnd(64512, 65999, {LEARNED: 0})}


def everything_filtered(box: Box, prepared: Prepared) -> None:
    box.far = {PEERS["vpc-2"]: FarEnd(64512, 65010, {ip_network("172.16.20.0/24"): 0, ip_network("0.0.0.0/0"): 0})}


@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        (wrong_key, "wrong-key", "pre-shared key"),
        (wrong_proposals, "no-proposal-ike", "ours: aes256-sha256-modp2048; theirs: "),
        (wrong_child_proposals, "no-proposal-child", "ours: aes256-sha256-modp2048; theirs: "),
        (wrong_peer_asn, "wrong-peer-asn", "169.254.22.73 is AS 64999, but peer-asn says 64512"),
        (wrong_own_asn, "wrong-own-asn", "does not know us as AS 65010"),
        (everything_filtered, "all-filtered", "0.0.0.0/0 by"),
    ],
)
def test_a_refusal_is_named_and_ends_the_wait_early(box: Box, prepare: Prepare, code: str, words: str) -> None:
    went = wait(box, prepare)
    assert went.codes == {"vpc-2": code}
    assert went.waited is not None
    assert words in went.waited.findings[0].message
    assert went.waited.findings[0].remedy
    assert SETTLED_AFTER <= went.seconds < SETTLED_AFTER + 4 * LOOK_EVERY
    assert went.waited.states["vpc-1"].state == "carrying"
    assert "Fake" not in went.waited.findings[0].message


def test_a_reason_that_may_pass_is_waited_for(box: Box) -> None:
    def attach(now: float) -> None:
        if now >= 1030:
            box.announced.clear()

    box.announced = {PEERS["vpc-2"]: {}}
    box.clock.ticks.append(attach)
    went = wait(box)
    assert went.codes == {}
    assert 30 <= went.seconds < 30 + 2 * LOOK_EVERY


def test_no_prefix_is_a_reason_of_its_own(box: Box) -> None:
    box.announced = {PEERS["vpc-2"]: {}}
    went = wait(box)
    assert went.codes == {"vpc-2": "no-prefix"}
    assert went.seconds >= PATIENCE


def test_a_refusal_that_is_mended_in_time_is_none(box: Box) -> None:
    def mend(now: float) -> None:
        if now >= 1000 + SETTLED_AFTER / 2:
            box.far.clear()

    box.clock.ticks.append(mend)
    went = wait(box, wrong_peer_asn)
    assert went.codes == {}
    assert went.seconds < SETTLED_AFTER


def test_a_refusal_beside_silence_does_not_end_the_wait(box: Box) -> None:
    def fall_silent(now: float) -> None:
        box.charon.standing["vpc-1"] = replace(box.charon.standing["vpc-1"], child_state=None, ike_state="connecting")

    box.clock.ticks.append(fall_silent)
    went = wait(box, wrong_peer_asn)
    assert set(went.codes) == {"vpc-1", "vpc-2"}
    assert went.codes["vpc-2"] == "wrong-peer-asn"
    assert went.seconds >= PATIENCE


def test_a_standby_is_as_good_as_carrying(box: Box) -> None:
    box.announced = {PEERS["vpc-1"]: {LEARNED: 100}, PEERS["vpc-2"]: {LEARNED: 200}}
    went = wait(box)
    assert went.codes == {}
    assert went.of("vpc-2")[0] == "standby"


def test_a_group_that_differs_shows_at_the_rekey(box: Box) -> None:
    def prepare(box: Box, prepared: Prepared) -> None:
        ours = next(r for r in prepared.desired if isinstance(r, IkeConnection) and r.name == "vpc-1")
        far_end_has(box, prepared, "vpc-1", child=replace(ours.child, proposals=("aes256-sha256-ecp384",)))

    went = wait(box, prepare)
    assert went.waited is not None
    assert went.waited.up
    assert went.codes == {"vpc-1": "pfs-mismatch"}
    assert went.of("vpc-1")[-1] == "the child's rekey failed"
    assert went.of("vpc-2")[-1] == "child rekeyed"


def test_a_daemon_that_dies_meanwhile_is_the_reason(box: Box) -> None:
    def die(now: float) -> None:
        if now >= 1005:
            box.charon.stop()

    box.announced = {PEERS["vpc-2"]: {}}
    box.clock.ticks.append(die)
    went = wait(box)
    assert went.waited is not None
    assert {state.why for state in went.waited.states.values()} == {"charon does not answer"}
    assert [finding.message for finding in went.waited.findings] == ["charon does not answer"] * 2
