"""What probes and verdicts achieve together, on a virtual clock: how soon a cut is found, and that loss is none."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest

from appliance.model.health import CARRYING, LAST_RESORT, LOST, PathEvidence, Target, TargetHealth
from appliance.model.intent import Failback, Probing
from appliance.verdict.connection import QUICK_LOOK, reconsider
from appliance.verdict.manner import Manner
from tests.probe.simulation import Fate, Tunnels, answering

ORDERED = Manner(prefer="ordered")
FAST = Probing(0.05, 3, 20)


def found_after(cut_at: float, seed: int, pace: Probing, margin: float = 0.01) -> tuple[float, float]:
    """Seconds from a silent cut of the carrying tunnel to the switch, and the least it can take: the phase, two probes
    more, the round trip and the margin."""
    fates: dict[str, Fate] = {"a": answering(0.001, cuts=((cut_at, 9999),)), "b": answering(0.001)}
    tunnels = Tunnels(fates, pace, ORDERED, seed=seed)
    tunnels.run(cut_at + 2)
    switched = next(at for at, verdict in tunnels.history if verdict.carrying == ("b",))
    return switched - cut_at, pace.lost * pace.interval + 0.001 + margin


def test_a_silent_cut_is_found_close_to_the_physical_limit() -> None:
    """At 50 ms and three losses: a hundred cuts at random phases."""
    chance = Random(1)
    times = sorted(found_after(110 + chance.random(), seed, FAST)[0] for seed in range(100))
    limit = found_after(110, 0, FAST)[1]
    assert times[98] <= 1.25 * limit
    assert times[0] >= 2 * FAST.interval


def random_loss(seed: int, *, confirm: int) -> Tunnels:
    """Ten minutes at 20 ms, one per cent lost either way."""
    fates: dict[str, Fate] = {"a": answering(0.001, loss=0.0199), "b": answering(0.001, loss=0.0199)}
    tunnels = Tunnels(fates, Probing(0.02, 3, 20), ORDERED, confirm=confirm, seed=seed)
    tunnels.run(700)
    return tunnels


def test_one_per_cent_of_loss_is_no_cut_for_ten_minutes() -> None:
    confirmed = random_loss(CONTROL_SEED, confirm=3)
    assert confirmed.losses == 0
    assert confirmed.verdict is not None
    assert confirmed.verdict.changes == 0
    control = random_loss(CONTROL_SEED, confirm=0)
    assert control.losses > 0, "without the quick probes the same minutes had none: the test shows nothing"


CONTROL_SEED = 7


def test_a_real_cut_is_found_amid_loss() -> None:
    fates: dict[str, Fate] = {"a": answering(0.001, loss=0.02, cuts=((130, 9999),)), "b": answering(0.001, loss=0.02)}
    tunnels = Tunnels(fates, Probing(0.02, 3, 20), ORDERED, seed=5)
    tunnels.run(131)
    switched = next(at for at, verdict in tunnels.history if verdict.carrying == ("b",))
    assert switched - 130 < 0.12


@pytest.mark.parametrize("prefer", ["ordered", "equal"])
def test_a_blip_of_a_shared_uplink_costs_no_more_than_itself(prefer: str) -> None:
    """400 ms without any answer: whoever is left carrying is, from a probe after its end, a path that answers."""
    blip = ((120.0, 120.4),)
    tunnels = Tunnels({"a": answering(cuts=blip), "b": answering(cuts=blip)}, manner=Manner(prefer=prefer))
    tunnels.run(180)
    assert all(verdict.carrying for _, verdict in tunnels.history)
    worst = [at for at, verdict in tunnels.history if verdict.last_resort]
    assert worst
    assert max(worst) < 120.4 + 2.5
    assert tunnels.verdict is not None
    assert {path.state for path in tunnels.verdict.paths.values()} <= {CARRYING, "standby"}
    assert sum(len(path.flaps) for path in tunnels.verdict.paths.values()) == 2


@pytest.mark.parametrize("seed", range(5))
def test_a_blip_shorter_than_the_confirmation_changes_nothing(seed: int) -> None:
    chance = Random(seed)
    begin = 110 + chance.random()
    blip = ((begin, begin + 0.19),)
    tunnels = Tunnels({"a": answering(cuts=blip), "b": answering(cuts=blip)}, manner=ORDERED, seed=seed)
    tunnels.run(150)
    assert tunnels.losses == 0
    assert tunnels.verdict is not None
    assert tunnels.verdict.changes == 0


def test_an_uplink_that_is_dead_for_long_leaves_nothing_empty_and_comes_back() -> None:
    dead = ((120.0, 320.0),)
    tunnels = Tunnels({"a": answering(cuts=dead), "b": answering(cuts=dead)}, manner=ORDERED)
    tunnels.run(300)
    assert tunnels.verdict is not None
    assert tunnels.verdict.last_resort
    assert LAST_RESORT in {path.state for path in tunnels.verdict.paths.values()}
    assert all(path.long_dead for path in tunnels.verdict.paths.values())
    tunnels.run(325)
    assert not tunnels.verdict.last_resort


def test_a_flapper_is_held_back_and_a_steady_path_carries() -> None:
    """Ten seconds good, one second dead, for an hour."""
    flaps = tuple((100.0 + 11 * n, 101.0 + 11 * n) for n in range(1, 320))
    manner = Manner(prefer="ordered", failback=Failback("revert", 1))
    tunnels = Tunnels({"a": answering(cuts=flaps), "b": answering()}, manner=manner)
    tunnels.run(3600)
    assert tunnels.verdict is not None
    assert tunnels.verdict.carrying == ("b",)
    path = tunnels.verdict.paths["a"]
    assert path.state in ("held", "down")
    assert path.reuse_at is not None
    assert tunnels.verdict.changes <= 12


def test_a_path_that_loses_a_third_gives_way_and_comes_back() -> None:
    chance_until = 200.0

    def lossy(at: float, chance: Random) -> float | None:
        return 0.01 if at > chance_until or at < 120 or chance.random() > 0.35 else None

    manner = Manner(prefer="ordered", failback=Failback("revert", 10))
    tunnels = Tunnels({"a": lossy, "b": answering()}, manner=manner, seed=2)
    tunnels.run(190)
    assert tunnels.verdict is not None
    assert tunnels.verdict.carrying == ("b",)
    tunnels.run(300)
    assert tunnels.verdict.carrying == ("a",)


@pytest.mark.parametrize("prefer", ["ordered", "equal"])
@pytest.mark.parametrize("rtts", [(0.01, 0.01), (0.12, 0.005), (0.005, 0.12), (0.2, 0.3)])
def test_a_target_that_dies_for_all_tunnels_switches_nothing(prefer: str, rtts: tuple[float, float]) -> None:
    """At thirty phases; a probe that is under way when the target dies is lost with it."""
    chance = Random(9)
    for seed in range(30):
        died = 120 + chance.random()
        slow, quick = (answering(rtt, cuts=((died - rtt / 2, 9999.0),)) for rtt in rtts)
        tunnels = Tunnels({"a": slow, "b": quick}, manner=Manner(prefer=prefer), shared=True, seed=seed)
        tunnels.run(died)
        assert tunnels.verdict is not None
        before = tunnels.verdict.carrying
        tunnels.run(died + 20)
        assert all("answers on no tunnel" in str(path.why) for path in tunnels.verdict.paths.values())
        assert (tunnels.verdict.carrying, tunnels.verdict.changes) == (before, 0)


@pytest.mark.parametrize("prefer", ["ordered", "equal"])
@pytest.mark.parametrize("rtts", [(0.01, 0.01), (0.12, 0.005), (0.005, 0.12), (0.2, 0.3)])
def test_a_target_that_comes_back_switches_nothing_and_is_no_fault_of_a_tunnel(
    prefer: str, rtts: tuple[float, float]
) -> None:
    """At thirty phases; one of the tunnels is the first to hear it, and the first to have heard enough."""
    chance = Random(9)
    for seed in range(30):
        died = 120 + chance.random()
        slow, quick = (answering(rtt, cuts=((died - rtt / 2, died + 30 - rtt / 2),)) for rtt in rtts)
        tunnels = Tunnels({"a": slow, "b": quick}, manner=Manner(prefer=prefer), shared=True, seed=seed)
        tunnels.run(died + 40)
        assert tunnels.verdict is not None
        assert (tunnels.verdict.changes, tunnels.losses) == (0, 0)
        assert {path.health for path in tunnels.verdict.paths.values()} == {"up"}


@pytest.mark.parametrize(("rtts", "within"), [((0.01, 0.01), 0.4), ((0.12, 0.005), 0.7)])
def test_when_all_were_cut_and_one_comes_back_it_carries_soon(rtts: tuple[float, float], within: float) -> None:
    """Nobody can tell that from a target that was dead: the others are waited for as long as it takes to lose one. The
    one that stays silent has failed then."""
    chance = Random(5)
    for seed in range(30):
        cut = 120 + chance.random()
        fates = {
            n: answering(rtt, cuts=((cut, end),)) for n, rtt, end in zip("ab", rtts, (9999, cut + 30), strict=True)
        }
        tunnels = Tunnels(fates, manner=ORDERED, shared=True, seed=seed)
        tunnels.run(cut + 30)
        assert tunnels.verdict is not None
        assert tunnels.verdict.carrying == ("a",)
        tunnels.run(cut + 30 + within)
        assert (tunnels.verdict.carrying, tunnels.verdict.changes) == (("b",), 1)
        assert (len(tunnels.verdict.paths["a"].flaps), tunnels.losses) == (1, 1)


@pytest.mark.parametrize("rtts", [(0.01, 0.01), (0.12, 0.005), (0.005, 0.12)])
def test_one_tunnel_that_dies_is_found_as_soon_though_both_ask_the_same_target(rtts: tuple[float, float]) -> None:
    chance = Random(4)
    for seed in range(50):
        cut, found = 120 + chance.random(), []
        for shared in (False, True):
            fates = {"a": answering(rtts[0], cuts=((cut, 9999),)), "b": answering(rtts[1])}
            tunnels = Tunnels(fates, manner=ORDERED, shared=shared, seed=seed)
            tunnels.run(cut + 2)
            found.append(next(at for at, verdict in tunnels.history if verdict.carrying == ("b",)))
        assert found[1] - found[0] <= QUICK_LOOK


def test_what_no_other_tunnel_settles_is_settled_by_time() -> None:
    """Another tunnel whose probes are neither answered nor lost says nothing for ever: that is not waited for."""
    target = Target("a", "t", "icmp", ip_address("192.0.2.1"))
    lost = TargetHealth(target, LOST, since=100.4, answered_at=99.9, lost_at=100.0)
    mute = TargetHealth(replace(target, tunnel="b"), "answering", since=10.0, answered_at=99.9)
    evidence = {"a": PathEvidence(True, (lost,)), "b": PathEvidence(True, (mute,))}
    was = reconsider(None, {"a": PathEvidence(True), "b": PathEvidence(True)}, ORDERED, 50.0)
    soon = reconsider(was, evidence, ORDERED, 100.5)
    assert soon.carrying == ("a",)
    assert soon.look_again == 100.5 + QUICK_LOOK
    assert reconsider(soon, evidence, ORDERED, 101.3).carrying == ("b",)
