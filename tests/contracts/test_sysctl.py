"""What the door to kernel settings promises, shown on the fake and, in a namespace of its own, on Linux."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest

from appliance.model.change import Change, Door, Outcome
from appliance.model.resources import Resource, Sysctl
from appliance.sysctl.procsys import Procsys
from appliance.sysctl.values import path_of, setting_of
from tests.contracts.namespace import ip, own_namespace
from tests.fakes.sysctl import FakeProcsys

FORWARD = Sysctl("net.ipv4.ip_forward", "1", machine_wide=True)
HASH = Sysctl("net.ipv4.fib_multipath_hash_policy", "1", machine_wide=True)
PORTS = Sysctl("net.ipv4.ip_local_port_range", "40000 50000", machine_wide=True)
LOOSE = Sysctl(setting_of("lan0", 4, "rp_filter"), "2")
DOTTED = Sysctl(setting_of("lan0.7", 4, "rp_filter"), "2")


class Machine(Protocol):
    """The door, and the machine behind it as everybody else sees it."""

    @property
    def door(self) -> Procsys | FakeProcsys: ...

    def read(self, name: str) -> str: ...

    def write(self, name: str, value: str) -> None: ...

    def remove_link(self) -> None: ...

    def restart(self) -> None:
        """A new process meets the same machine and the same record."""


class FakeMachine:
    def __init__(self) -> None:
        names = {FORWARD: "0", HASH: "0", PORTS: "32768 60999", LOOSE: "0", DOTTED: "0"}
        self.door = FakeProcsys({sysctl.name: value for sysctl, value in names.items()})

    def read(self, name: str) -> str:
        return self.door.values[name]

    def write(self, name: str, value: str) -> None:
        self.door.values[name] = value

    def remove_link(self) -> None:
        self.door.vanish(LOOSE.name)
        self.door.vanish(DOTTED.name)

    def restart(self) -> None:
        self.door.watch(())


@dataclass
class LinuxMachine:
    door: Procsys
    record: Path

    def read(self, name: str) -> str:
        return " ".join((Path("/proc/sys") / path_of(name)).read_text().split())

    def write(self, name: str, value: str) -> None:
        (Path("/proc/sys") / path_of(name)).write_text(value)

    def remove_link(self) -> None:
        ip("link del lan0")
        ip("link del lan0.7")

    def restart(self) -> None:
        self.door = Procsys(self.record)


@pytest.fixture(params=["fake", "linux"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    if request.param == "fake":
        yield FakeMachine()
        return
    with own_namespace():
        ip("link add lan0 type veth peer name far0")
        ip("link add lan0.7 type veth peer name far7")
        linux = LinuxMachine(Procsys(tmp_path / "sysctl.json"), tmp_path / "sysctl.json")
        linux.write(FORWARD.name, "0")
        linux.write(LOOSE.name, "0")
        linux.write(DOTTED.name, "0")
        yield linux


def observe(machine: Machine, *watched: Sysctl) -> frozenset[Resource]:
    machine.door.watch(watched)
    return asyncio.run(machine.door.observe())


def apply(machine: Machine, *changes: Change) -> list[Outcome]:
    door: Door = machine.door
    return list(asyncio.run(door.apply(changes)))


def errors(outcomes: list[Outcome]) -> list[str]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def test_nothing_is_looked_at_unless_told(machine: Machine) -> None:
    assert observe(machine) == frozenset()


def test_a_watched_setting_is_seen_as_it_is(machine: Machine) -> None:
    assert observe(machine, FORWARD, LOOSE) == {replace(FORWARD, value="0"), replace(LOOSE, value="0")}


def test_the_same_value_is_the_same_setting_however_it_is_spelt(machine: Machine) -> None:
    machine.write(PORTS.name, "40000 50000")
    tabbed = replace(PORTS, value="40000\t50000")
    assert observe(machine, PORTS) == {PORTS}
    assert observe(machine, tabbed) == {tabbed}


def test_a_setting_of_a_link_that_is_not_there_yet_is_not_seen(machine: Machine) -> None:
    early = Sysctl(setting_of("vpc-1", 4, "rp_filter"), "2")
    assert observe(machine, early) == frozenset()
    (error,) = errors(apply(machine, Change(None, early)))
    assert error == "there is no kernel setting net.ipv4.conf.vpc-1.rp_filter"


def test_settings_are_written_in_order_past_a_failed_one(machine: Machine) -> None:
    wrong = replace(HASH, value="nonsense")
    outcomes = apply(machine, Change(replace(HASH, value="0"), wrong), Change(None, LOOSE), Change(None, DOTTED))
    assert [outcome.error is None for outcome in outcomes] == [False, True, True]
    assert "Invalid argument" in (outcomes[0].error or "")
    assert observe(machine, LOOSE, DOTTED) >= {LOOSE, DOTTED}


def test_a_machine_wide_setting_returns_to_what_it_was(machine: Machine) -> None:
    assert errors(apply(machine, Change(replace(FORWARD, value="0"), FORWARD))) == []
    assert machine.read(FORWARD.name) == "1"
    assert observe(machine, FORWARD) == {FORWARD}
    assert errors(apply(machine, Change(FORWARD, None))) == []
    assert machine.read(FORWARD.name) == "0"
    assert observe(machine) == frozenset()


def test_what_was_changed_is_seen_and_restored_by_another_process(machine: Machine) -> None:
    apply(machine, Change(None, FORWARD))
    machine.restart()
    (seen,) = observe(machine)
    assert seen == FORWARD
    apply(machine, Change(seen, None))
    assert machine.read(FORWARD.name) == "0"


def test_the_first_value_counts_not_that_of_a_later_change(machine: Machine) -> None:
    machine.write(PORTS.name, "20000 30000")
    narrower = replace(PORTS, value="41000 42000")
    assert errors(apply(machine, Change(None, PORTS), Change(PORTS, narrower), Change(narrower, None))) == []
    assert machine.read(PORTS.name) == "20000 30000"


def test_a_setting_that_was_right_already_is_left_when_we_go(machine: Machine) -> None:
    machine.write(FORWARD.name, "1")
    assert observe(machine, FORWARD) == {FORWARD}
    assert observe(machine) == frozenset()


def test_an_interfaces_own_setting_goes_with_the_interface(machine: Machine) -> None:
    assert errors(apply(machine, Change(None, LOOSE), Change(None, DOTTED))) == []
    machine.remove_link()
    assert observe(machine, LOOSE, DOTTED) == frozenset()
    assert errors(apply(machine, Change(LOOSE, None), Change(DOTTED, None))) == []
    assert observe(machine) == frozenset()


@pytest.mark.parametrize("name", ["", "net..ipv4", "net.//.x", "net./.ipv4"])
def test_what_is_no_name_is_refused(machine: Machine, name: str) -> None:
    (error,) = errors(apply(machine, Change(None, Sysctl(name, "1"))))
    assert "not the name of a kernel setting" in error
