"""What the door to nftables promises, shown on the fake and, in a namespace of its own, on the real thing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Protocol

import pytest

from appliance.firewall.nft import Nft
from appliance.firewall.ruleset import COUNTERS, render_ruleset
from appliance.model.change import Change, Outcome
from appliance.model.resources import FirewallTable
from tests.contracts.namespace import own_namespace
from tests.fakes.firewall import FakeNft
from tests.firewall.scenes import SHARED

FIRST = FirewallTable(render_ruleset(SHARED))
SECOND = FirewallTable(render_ruleset(replace(SHARED, protected=(ip_network("10.8.0.0/13"),))))
OURS = FirewallTable(render_ruleset(replace(SHARED, host_is_ours=True)))
BROKEN = FirewallTable(FIRST.text.replace("@protected4", "@nowhere", 1))


class Machine(Protocol):
    """The door, and the packet filter behind it as everybody else sees it."""

    door: Nft | FakeNft

    def has_table(self) -> bool: ...

    def meddle(self) -> None:
        """Somebody changes our table."""

    def flush(self) -> None:
        """Somebody removes every table."""

    def restart(self) -> None:
        """A new process meets the same machine and the same record."""


class FakeMachine:
    def __init__(self) -> None:
        self.door = FakeNft()

    def has_table(self) -> bool:
        return self.door.loaded is not None

    def meddle(self) -> None:
        self.door.meddle()

    def flush(self) -> None:
        self.door.flush()

    def restart(self) -> None:
        pass


class RealMachine:
    def __init__(self, record_file: Path) -> None:
        self._record_file = record_file
        self.door = Nft(record_file)

    def has_table(self) -> bool:
        return "table inet appliance" in nft("list tables")

    def meddle(self) -> None:
        nft("add rule inet appliance forward accept")

    def flush(self) -> None:
        nft("flush ruleset")

    def restart(self) -> None:
        self.door = Nft(self._record_file)


def nft(command: str) -> str:
    """Run nft as somebody else would."""
    done = subprocess.run(["nft", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["fake", "real"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    if request.param == "fake":
        yield FakeMachine()
        return
    if shutil.which("nft") is None:
        pytest.skip("needs the program nft")
    with own_namespace():
        real = RealMachine(tmp_path / "run" / "firewall.json")
        if missing := asyncio.run(real.door.lacks()):
            pytest.skip(missing[0].message)
        yield real


def observed(machine: Machine) -> FirewallTable | None:
    found = asyncio.run(machine.door.observe())
    assert len(found) <= 1
    table = next(iter(found), None)
    assert table is None or isinstance(table, FirewallTable)
    return table


def apply(machine: Machine, *changes: Change) -> list[Outcome]:
    return list(asyncio.run(machine.door.apply(changes)))


def put(machine: Machine, table: FirewallTable | None) -> None:
    (outcome,) = apply(machine, Change(observed(machine), table))
    assert outcome.error is None


def test_a_machine_starts_without_our_table(machine: Machine) -> None:
    assert asyncio.run(machine.door.lacks()) == ()
    assert observed(machine) is None
    assert asyncio.run(machine.door.counters()) == {}


@pytest.mark.parametrize("table", [FIRST, SECOND, OURS], ids=["first", "second", "ours"])
def test_what_was_loaded_is_observed(machine: Machine, table: FirewallTable) -> None:
    put(machine, table)
    assert machine.has_table()
    assert observed(machine) == table
    assert observed(machine) == table, "looking changes nothing"


def test_another_process_recognises_the_table(machine: Machine) -> None:
    put(machine, FIRST)
    machine.restart()
    assert observed(machine) == FIRST


def test_a_table_is_replaced_and_removed(machine: Machine) -> None:
    for table in (FIRST, SECOND, FIRST, OURS):
        put(machine, table)
        assert observed(machine) == table
    put(machine, None)
    assert observed(machine) is None
    assert not machine.has_table()


def test_removing_what_somebody_removed_already_is_done(machine: Machine) -> None:
    put(machine, FIRST)
    machine.flush()
    (outcome,) = apply(machine, Change(FIRST, None))
    assert outcome.error is None
    assert observed(machine) is None


def test_a_refused_table_leaves_the_old_one(machine: Machine) -> None:
    put(machine, FIRST)
    (outcome,) = apply(machine, Change(FIRST, BROKEN))
    assert outcome.error is not None
    assert "No such file or directory" in outcome.error
    assert observed(machine) == FIRST
    put(machine, SECOND)


def test_what_somebody_did_to_our_table_shows_and_is_mended(machine: Machine) -> None:
    put(machine, FIRST)
    machine.meddle()
    drifted = observed(machine)
    assert drifted is not None
    assert drifted != FIRST
    (outcome,) = apply(machine, Change(drifted, FIRST))
    assert outcome.error is None
    assert observed(machine) == FIRST


def test_a_flushed_machine_has_no_table(machine: Machine) -> None:
    put(machine, FIRST)
    machine.flush()
    assert observed(machine) is None
    put(machine, FIRST)
    assert observed(machine) == FIRST


def test_every_change_has_its_outcome(machine: Machine) -> None:
    outcomes = apply(machine, Change(None, FIRST), Change(FIRST, BROKEN), Change(FIRST, SECOND))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert observed(machine) == SECOND


def test_the_counters_have_their_names_and_start_at_nothing(machine: Machine) -> None:
    put(machine, OURS)
    assert asyncio.run(machine.door.counters()) == dict.fromkeys(COUNTERS, 0)
