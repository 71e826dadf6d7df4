"""The prober on a real kernel, in a namespace of its own, over a pair of links with somebody at the other end."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address

import pytest

from appliance.model.fault import SystemLacks
from appliance.model.health import ANSWERING, LOST, SUSPECT, UNARMED, Target
from appliance.model.intent import Probing
from appliance.probe.prober import PRIORITY, REALTIME, Prober
from appliance.probe.sockets import Pings
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
        took: list[float] = []
        while len(took) < 5 and min(took, default=2.0) >= 2:  # a busy machine may give us no time, but hardly each time
            ip("link del v1")
            until(lambda: state(prober, FAR) == LOST, "the loss to be noticed")
            connect(far)
            begun = time.monotonic()
            until(lambda: state(prober, FAR) == ANSWERING, "answers again")
            took.append(time.monotonic() - begun)
        assert min(took) < 2


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


TCP_OPEN = Target("vpc-1", "v1", "tcp", ip_address("192.0.2.2"), 7443, ip_address("192.0.2.1"))
TCP_REFUSED = Target("vpc-1", "v1", "tcp", ip_address("192.0.2.2"), 7444)
TCP6 = Target("vpc-1", "v1", "tcp", ip_address("2001:db8::2"), 7443)
UDP_ECHO = Target("vpc-1", "v1", "udp", ip_address("192.0.2.2"), 7007, ip_address("192.0.2.1"))
UDP_CLOSED = Target("vpc-1", "v1", "udp", ip_address("192.0.2.2"), 7008)

SERVICES = """
import selectors, socket
tcp = socket.create_server(("::", 7443), family=socket.AF_INET6, dualstack_ipv6=True)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 7007))
chosen = selectors.DefaultSelector()
chosen.register(tcp, selectors.EVENT_READ)
chosen.register(udp, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if key.fileobj is tcp:
            tcp.accept()[0].close()
        else:
            data, whence = udp.recvfrom(2048)
            udp.sendto(data, whence)
"""


@pytest.fixture
def services(far: str) -> Iterator[str]:
    """The far end accepts TCP on 7443 and sends back what comes to UDP 7007."""
    command = ["ip", "netns", "exec", far, sys.executable, "-c", SERVICES]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == "ready\n"
            yield far
        finally:
            running.kill()


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("target", [TCP_OPEN, TCP_REFUSED, TCP6, UDP_ECHO], ids=["open", "refused", "ipv6", "udp"])
def test_a_host_that_accepts_refuses_or_sends_back_is_up(target: Target) -> None:
    with asking(target, UDP_CLOSED) as (prober, _):
        until(lambda: state(prober, target) == ANSWERING, "an answer")
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].samples > 30, "some samples")
        assert state(prober, UDP_CLOSED) == UNARMED
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].loss == 0.0, "late answers to count")
        ip("link set v1 down")
        until(lambda: state(prober, target) == LOST, "the loss to be noticed")
        ip("link set v1 up")
        ip("address replace 2001:db8::1/64 dev v1 nodad")
        until(lambda: state(prober, target) == ANSWERING, "answers again")


def test_a_route_elsewhere_is_no_obstacle(far: str) -> None:
    """A host beyond the other end is asked over each tunnel, wherever the routes lead: into a blackhole too."""
    beyond = Target("vpc-1", "v1", "icmp", ip_address("198.51.100.4"), None, ip_address("192.0.2.1"))
    ip(f"-n {far} address add 198.51.100.4/32 dev lo")
    ip("route add blackhole 198.51.100.0/24 metric 4278190080")
    with asking(beyond) as (prober, _):
        until(lambda: state(prober, beyond) == ANSWERING, "an answer")


def test_hundreds_of_targets_are_heard_without_a_wake_up_each() -> None:
    """So many that replies are fetched when a probe is due: none is taken for lost."""
    many = tuple(Target(f"t{n}", "lo", "icmp", ip_address(f"127.0.1.{n}")) for n in range(1, 201))
    with own_namespace(), asking(*many) as (prober, _):
        until(lambda: all(h[0].samples > 20 for h in prober.health(time.monotonic()).values()), "some samples")
        assert len(prober.health(time.monotonic())) == 200
        until(lambda: all(h[0].loss == 0.0 for h in prober.health(time.monotonic()).values()), "no loss")
        assert {h[0].state for h in prober.health(time.monotonic()).values()} <= {ANSWERING, SUSPECT}


def test_a_target_that_is_due_twice_at_once_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that comes late finds a regular probe and quick ones due together: each is a message of its own."""
    silent = Target("vpc-1", "lo", "icmp", ip_address("127.0.1.1"))
    with own_namespace():
        prober = Prober()
        try:
            prober._pings = {4: Pings(4)}
        except SystemLacks as lack:
            pytest.skip(str(lack))
        prober.set_targets([silent], FAST)
        (window,) = prober._schedule.windows.values()
        monkeypatch.setattr(prober._schedule, "step", lambda _: ([window, window, window], False))
        prober._round()

        def all_answered() -> bool:
            prober._hear()
            return window.newest_answered == 2

        until(all_answered, "an answer to each")
        assert window.health(time.monotonic()).samples == 3
        prober._pings[4].close()


def test_an_interface_that_appears_is_asked_over_at_full_pace(far: str) -> None:
    """Nobody answered for long, as there was no interface: now there is."""
    ip("link del v1")
    with asking(FAR) as (prober, _):
        (window,) = prober._schedule.windows.values()
        window.eager = window.newest  # as if it had been asked for long enough
        until(lambda: window.newest >= 2, "some probes, seldom")
        connect(far)
        until(lambda: state(prober, FAR) == ANSWERING, "an answer")
        assert window.eager > 100


def test_who_is_said_to_answer_soon_is_asked_at_full_pace() -> None:
    with own_namespace(), asking(replace(NOBODY, interface="lo")) as (prober, _):
        (window,) = prober._schedule.windows.values()
        window.eager = window.newest
        prober.hasten(["vpc-1"])
        until(lambda: window.newest >= window.eager + 1, "it to be asked in its turn")
        prober.hasten(["vpc-2"])
        until(lambda: window.eager > window.newest, "it to be asked often")


@pytest.mark.usefixtures("far")
def test_a_process_that_is_busy_with_itself_loses_nothing() -> None:
    """Whoever keeps the interpreter for half a second keeps the prober from asking and from hearing: what has come
    meanwhile came in time, and what was not asked is not missed."""
    keep = ctypes.PyDLL(None).usleep
    beyond = [Target("vpc-1", "v1", "icmp", FAR.address, None, FAR.source), replace(FAR6, tunnel="vpc-2")]
    with asking(*beyond) as (prober, _):
        windows = list(prober._schedule.windows.values())
        until(lambda: all(window.newest_answered > 30 for window in windows), "some answers")
        since = [window.since for window in windows]
        for pause in (0.007, 0.013, 0.021, 0.034, 0.055):
            keep(500_000)
            time.sleep(pause)
        until(lambda: all(window.streak > 30 for window in windows), "answers in a row")
        assert [window.state for window in windows] == [ANSWERING, ANSWERING]
        assert [window.since for window in windows] == since, "it was never in doubt"


def test_targets_that_are_asked_no_more_are_forgotten() -> None:
    gone = Target("vpc-1", "lo", "tcp", ip_address("127.0.0.1"), 9)
    with own_namespace(), asking(gone) as (prober, _):
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].state == ANSWERING, "a refusal")
        prober.set_targets((), FAST)
        assert prober.health(time.monotonic()) == {}
        assert prober.alive


def test_a_forged_answer_counts_for_nothing() -> None:
    """What comes with another cookie is nobody's."""
    with own_namespace(), asking(Target("vpc-1", "lo", "icmp", ip_address("127.0.0.1"))) as (prober, _):
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].state == ANSWERING, "an answer")
        prober._heard = {payload[:-1] + bytes([payload[-1] ^ 1]): one for payload, one in prober._heard.items()}
        until(lambda: prober.health(time.monotonic())["vpc-1"][0].state == LOST, "answers to be nobody's")


def test_what_was_known_is_not_forgotten_when_the_next_targets_come_before_it_was_taken() -> None:
    prober = Prober()
    prober._thread = threading.Thread()  # it does not run yet
    prober.set_targets([FAR], FAST, {FAR: LOST})
    prober.set_targets([FAR, NOBODY], FAST, {NOBODY: ANSWERING})
    prober._take_orders()
    assert (state(prober, FAR), state(prober, NOBODY)) == (LOST, ANSWERING)


LOOPBACK = Target("vpc-1", "lo", "icmp", ip_address("127.0.0.1"))


def policy_of(prober: Prober) -> tuple[int, int]:
    """How the kernel schedules the prober's thread, and its priority there."""
    thread = prober._thread
    assert thread is not None
    assert thread.native_id is not None
    return os.sched_getscheduler(thread.native_id), os.sched_getparam(thread.native_id).sched_priority


def settled(prober: Prober) -> None:
    until(lambda: state(prober, LOOPBACK) == ANSWERING, "an answer")


def may_rise() -> bool:
    """Whether this system lets a thread of ours go before everything ordinary."""
    allowed: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            allowed.append(True)
        except OSError:
            allowed.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return allowed == [True]


def test_where_the_system_permits_probes_go_before_everything_ordinary() -> None:
    if not may_rise():
        pytest.skip("this system permits no scheduling in real time")
    before = os.sched_getscheduler(0)
    with own_namespace(), asking(LOOPBACK) as (prober, _):
        settled(prober)
        assert prober.scheduling == REALTIME
        assert policy_of(prober) == (os.SCHED_FIFO, PRIORITY)
        assert os.sched_getscheduler(0) == before, "the daemon's own thread stays what it was"


def test_where_it_is_refused_probes_go_as_everything_ordinary_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with own_namespace(), asking(LOOPBACK) as (prober, _):
        settled(prober)
        assert prober.scheduling == "not realtime: Operation not permitted"
        assert policy_of(prober) == (os.sched_getscheduler(0), 0)


def test_who_does_not_ask_for_it_does_not_get_it() -> None:
    with own_namespace():
        prober = Prober(realtime=False)
        try:
            prober.start()
        except SystemLacks as lack:
            pytest.skip(str(lack))
        try:
            prober.set_targets([LOOPBACK], FAST)
            settled(prober)
            assert policy_of(prober) == (os.sched_getscheduler(0), 0)
        finally:
            prober.stop()
