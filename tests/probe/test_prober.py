"""The prober on a real kernel, in a namespace of its own, over a pair of links with somebody at the other end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from appliance.model.fault import SystemLacks
from appliance.model.health import ANSWERING, LOST, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.prober import Prober
from tests.contracts.namespace import ip, own_namespace

FAST = Probing(0.02, 3, 5)
FAR = Target("vpc-1", "v1", "icmp", ip_address("192.0.2.2"), None, ip_address("192.0.2.1"))
FAR6 = Target("vpc-1", "v1", "icmp", ip_address("2001:db8::2"), None, ip_address("2001:db8::1"))
NOBODY = Target("vpc-2", "v1", "icmp", ip_address("192.0.2.77"))


@contextmanager
def asking(*targets: Target) -> Iterator[tuple[Prober, threading.Event]]:
    """A prober at work, and what it rings."""
    rung = threading.Event()
    prober = Prober(rung.set)
    try:
        prober.start()
    except SystemLacks as lack:
        pytest.skip(str(lack))
    try:
        prober.set_targets(targets, FAST)
        yield prober, rung
    finally:
        prober.stop()


def connect(far: str) -> None:
    """v1 is ours; the far end of the pair answers in a namespace of its own."""
    ip("link add v1 type veth peer name v2")
    ip(f"link set v2 netns {far}")
    ends = (("", "v1", "192.0.2.1", "2001:db8::1"), (f"-n {far} ", "v2", "192.0.2.2", "2001:db8::2"))
    for where, link, four, six in ends:
        ip(f"{where}address add {four}/24 dev {link}")
        ip(f"{where}address add {six}/64 dev {link} nodad")
        ip(f"{where}link set {link} up")


@pytest.fixture
def far() -> Iterator[str]:
    """The far end's namespace, connected."""
    with own_namespace():
        name = f"far-{time.monotonic_ns()}"
        ip(f"netns add {name}")
        try:
            connect(name)
            yield name
        finally:
            ip(f"netns delete {name}")


def state(prober: Prober, target: Target) -> str:
    healths = prober.health(time.monotonic())[target.tunnel]
    return next(health.state for health in healths if health.target == target)


def until(predicate: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 15
    while not predicate():
        assert time.monotonic() < end, f"not within 15 s: {what}"
        time.sleep(0.005)


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("target", [FAR, FAR6], ids=["ipv4", "ipv6"])
def test_who_answers_is_up_and_who_falls_silent_is_lost(target: Target) -> None:
    with asking(target, NOBODY) as (prober, rung):
        until(lambda: state(prober, target) == ANSWERING, "an answer")
        assert rung.wait(5)
        assert state(prober, NOBODY) == UNARMED
        ip("link set v1 down")
        rung.clear()
        until(lambda: state(prober, target) == LOST, "the loss to be noticed")
        assert rung.wait(5)


def test_an_interface_that_was_made_anew_is_asked_over(far: str) -> None:
    with asking(FAR) as (prober, _):
        until(lambda: state(prober, FAR) == ANSWERING, "an answer")
        ip("link del v1")
        until(lambda: state(prober, FAR) == LOST, "the loss to be noticed")
        connect(far)
        until(lambda: state(prober, FAR) == ANSWERING, "answers again")


@pytest.mark.usefixtures("far")
def test_windows_outlive_a_change_of_targets() -> None:
    with asking(FAR) as (prober, _):
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].samples > 20, "some samples")
        prober.set_targets((FAR, NOBODY), Probing(0.02, 4, 5))
        (kept,) = prober.health(time.monotonic())["vpc-1"]
        assert kept.samples > 20
        prober.set_targets((FAR,), Probing(0.05, 3, 5))
        (kept,) = prober.health(time.monotonic())["vpc-1"]
        assert kept.state == ANSWERING


def test_a_forged_answer_counts_for_nothing() -> None:
    """What comes with another cookie is nobody's."""
    with own_namespace(), asking(Target("vpc-1", "lo", "icmp", ip_address("127.0.0.1"))) as (prober, _):
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].state == ANSWERING, "an answer")
        prober._cookie ^= 1
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].state == LOST, "answers to be nobody's")
