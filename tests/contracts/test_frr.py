"""What every FRR behind our door does: the one in memory, and the real one with a real peer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Protocol

import pytest

from appliance.frr.tree import parse_tree
from appliance.frr.vtysh import Frr
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemLacks
from appliance.model.peering import BgpRouter
from appliance.model.resources import FrrConfig
from appliance.model.session import BgpSession, LearnedPath
from tests.fakes.frr import FakeFrr, FarEnd
from tests.frr import rig
from tests.frr.routers import FIRST, ROUTER, SECOND, config, random_router, with_neighbors

PREFIXES = {"10.0.0.0/16": 0, "10.1.0.0/16": 0}
THEIRS = "169.254.23.5"
OTHERS = {"169.254.23.5": "169.254.23.6", "169.254.24.5": "169.254.24.6"}


class Bench(Protocol):
    """A door and what stands behind it."""

    door: Frr | FakeFrr

    def peers(self, far: Mapping[str, tuple[int, int, Mapping[str, int]]]) -> None:
        """The cloud, by its addresses: its number, the one it expects, its prefixes with their MED."""

    def restart(self) -> None: ...

    def lose_record(self) -> None: ...

    def configure(self, text: str) -> None: ...

    def end(self) -> None:
        """FRR stops."""


class Memory:
    def __init__(self) -> None:
        self.door = FakeFrr()
        self.restart, self.lose_record = self.door.restart, self.door.lose_record
        self.configure = self.door.configure

    def peers(self, far: Mapping[str, tuple[int, int, Mapping[str, int]]]) -> None:
        self.door.far = {
            ip_address(address): FarEnd(asn, expects, {ip_network(p): med for p, med in prefixes.items()})
            for address, (asn, expects, prefixes) in far.items()
        }

    def end(self) -> None:
        self.door.lacking = (SystemLacks("FRR's bgpd does not run", hint="start it"),)


class Real:
    def __init__(self, pair: rig.Pair, record: Path) -> None:
        self._pair, self._record = pair, record
        self.door = Frr(pair.us.run_dir, record)
        self.configure = pair.us.configure

    def peers(self, far: Mapping[str, tuple[int, int, Mapping[str, int]]]) -> None:
        """Ready to be called: a peer that FRR has just been told of refuses calls for a second."""
        self._pair.far.configure(rig.cloud({OTHERS[address]: rest for address, rest in far.items()}))
        rig.wait_for(self._all_listen, "the cloud's end does not come to listen")

    def _all_listen(self) -> bool:
        return all(peer["bgpState"] == "Active" for peer in self._pair.far.json("show bgp neighbors json").values())

    def restart(self) -> None:
        self._pair.us.restart()

    def lose_record(self) -> None:
        self._record.unlink()

    def end(self) -> None:
        self._pair.us.stop("bgpd")


@pytest.fixture(scope="module")
def pair() -> Iterator[rig.Pair]:
    with rig.speakers() as pair:
        yield pair


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.frr)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        yield Memory()
        return
    pair = request.getfixturevalue("pair")
    yield (real := Real(pair, tmp_path / "frr.json"))
    pair.us.restart("bgpd")
    pair.far.restart("bgpd")
    assert change(real, None).error is None


def observed(bench: Bench) -> frozenset[Any]:
    return asyncio.run(bench.door.observe())


def change(bench: Bench, new: FrrConfig | None) -> Outcome:
    [old] = [*observed(bench), None][:1]
    [outcome] = asyncio.run(bench.door.apply([Change(old, new)]))
    return outcome


def apply(bench: Bench, router: BgpRouter) -> None:
    assert change(bench, config(router)).error is None


def session(bench: Bench, good: Callable[[BgpSession], object], address: str = THEIRS) -> BgpSession:
    """The session with that peer, once it is good."""

    def look() -> list[BgpSession]:
        seen[:] = asyncio.run(bench.door.sessions())
        return [one for one in seen if str(one.address) == address and good(one)]

    seen: list[BgpSession] = []
    return rig.until(look, lambda: f"the session with {address} never came to this: {seen}")[0]


Seen = dict[tuple[str, str], tuple[int, bool]]
"""MED and whether traffic takes it, by prefix and neighbour."""


def see(bench: Bench, expected: Seen) -> tuple[LearnedPath, ...]:
    """The accepted paths, once they are these."""

    def look() -> bool:
        seen[:] = asyncio.run(bench.door.accepted())
        return expected == {(str(one.prefix), str(one.neighbor)): (one.med, one.selected) for one in seen}

    seen: list[LearnedPath] = []
    rig.until(look, lambda: f"not {expected} but {seen}")
    return tuple(seen)


def test_what_was_applied_is_observed_and_goes_without_a_trace(bench: Bench) -> None:
    assert asyncio.run(bench.door.lacks()) == ()
    assert observed(bench) == frozenset()
    apply(bench, ROUTER)
    assert observed(bench) == {config(ROUTER)}
    assert asyncio.run(bench.door.drift()) == ()
    assert change(bench, None).error is None
    assert observed(bench) == frozenset()
    assert asyncio.run(bench.door.sessions()) == ()


def test_a_restarted_frr_is_empty_and_told_again(bench: Bench) -> None:
    apply(bench, ROUTER)
    bench.restart()
    assert observed(bench) == frozenset()
    assert asyncio.run(bench.door.foreign()) == ()
    apply(bench, ROUTER)
    assert observed(bench) == {config(ROUTER)}


def test_a_lost_record_is_read_back_from_what_stands(bench: Bench) -> None:
    router = replace(ROUTER, source=ip_address("172.16.20.80"))
    apply(bench, router)
    bench.lose_record()
    assert observed(bench) == {config(router)}
    assert asyncio.run(bench.door.foreign()) == ()
    apply(bench, with_neighbors(FIRST))
    assert observed(bench) == {config(with_neighbors(FIRST))}


def test_a_foreign_router_is_reported_and_adopted_with_a_copy(bench: Bench, tmp_path: Path) -> None:
    bench.configure("router bgp 65010\n neighbor 169.254.23.5 remote-as 64512\nexit\n")
    assert observed(bench) == frozenset()
    assert asyncio.run(bench.door.foreign()) == ("router bgp 65010",)
    backup = tmp_path / "backups" / "frr.conf"
    assert asyncio.run(bench.door.adopt(backup)) == ("router bgp 65010",)
    assert "neighbor 169.254.23.5 remote-as 64512" in backup.read_text()
    assert asyncio.run(bench.door.foreign()) == ()
    apply(bench, ROUTER)
    assert observed(bench) == {config(ROUTER)}
    assert {one.our_asn for one in asyncio.run(bench.door.sessions())} == {65000}


def test_a_refused_line_is_named_and_keeps_no_other_from_frr(bench: Bench) -> None:
    router = replace(ROUTER, extra="router bgp 65000\n banana split\n")
    outcome = change(bench, config(router))
    assert outcome.error is not None
    assert "banana split" in outcome.error
    assert {str(one.address) for one in asyncio.run(bench.door.sessions())} == {"169.254.23.5", "169.254.24.5"}
    assert observed(bench) != {config(router)}
    apply(bench, ROUTER)


def test_an_frr_that_ended_is_missing(bench: Bench) -> None:
    apply(bench, ROUTER)
    bench.end()
    [lack] = asyncio.run(bench.door.lacks())
    assert (lack.exit, "bgpd" in lack.message, bool(lack.hint)) == (6, True, True)
    with pytest.raises(SystemLacks):
        observed(bench)


def test_any_state_is_reached_from_any_other(bench: Bench) -> None:
    chance = random.Random(7)
    for turn in range(6):
        router = random_router(chance, asn=chance.choice((65000, 65000, 65000, 65001)))
        apply(bench, router)
        assert observed(bench) == {config(router)}
        bench.lose_record()
        assert [parse_tree(one.text) for one in observed(bench)] == [parse_tree(config(router).text)], turn


def test_sessions_come_up_and_share_what_both_peers_offer(bench: Bench) -> None:
    bench.peers({"169.254.23.5": (64512, 65000, PREFIXES), "169.254.24.5": (64512, 65000, PREFIXES)})
    apply(bench, ROUTER)
    found = session(bench, lambda one: one.up and one.accepted == 2)
    assert (found.peer_asn, found.our_asn, str(found.local_address)) == (64512, 65000, "169.254.23.6")
    assert (found.received, found.last_error, found.resets) == (2, None, 0)
    assert found.since is not None
    learned = see(bench, {(prefix, address): (0, True) for prefix in PREFIXES for address in OTHERS})
    assert {path.as_path for path in learned} == {(64512,)}
    assert [path.best for path in learned].count(True) == len(PREFIXES)


def test_unequal_med_leaves_one_path_unless_it_is_ignored(bench: Bench) -> None:
    low, high = {"10.0.0.0/16": 100}, {"10.0.0.0/16": 200}
    bench.peers({"169.254.23.5": (64512, 65000, low), "169.254.24.5": (64512, 65000, high)})
    apply(bench, ROUTER)
    one, two = (("10.0.0.0/16", address) for address in OTHERS)
    see(bench, {one: (100, True), two: (200, False)})
    apply(bench, with_neighbors(*(replace(peer, force_med=0) for peer in (FIRST, SECOND))))
    see(bench, {one: (0, True), two: (0, True)})


def test_what_policy_keeps_out_is_counted_and_the_rule_named(bench: Bench) -> None:
    offered = {"10.0.0.0/16": 0, "172.16.20.128/25": 0, "10.9.9.9/32": 0}
    bench.peers({"169.254.23.5": (64512, 65000, offered)})
    apply(bench, with_neighbors(FIRST))
    found = session(bench, lambda one: one.up and one.received == 3)
    assert found.accepted == 1
    kept_out = asyncio.run(bench.door.filtered(found.address))
    assert {str(path.prefix): path.rule for path in kept_out} == {
        "172.16.20.128/25": "deny 172.16.20.0/24 le 32",
        "10.9.9.9/32": "deny any",
    }


def test_a_peer_with_another_number_is_known_by_it(bench: Bench) -> None:
    bench.peers({"169.254.23.5": (64999, 65000, PREFIXES)})
    apply(bench, with_neighbors(FIRST))
    found = session(bench, lambda one: one.heard_asn)
    assert (found.heard_asn, found.peer_asn, found.up) == (64999, 64512, False)
    assert found.notification is not None
    assert (found.notification.sent, found.notification.code, found.notification.subcode) == (True, 2, 2)


def test_a_number_beyond_16_bits_is_read_in_full(bench: Bench) -> None:
    bench.peers({"169.254.23.5": (65551, 65000, PREFIXES)})
    apply(bench, with_neighbors(FIRST))
    assert session(bench, lambda one: one.heard_asn).heard_asn == 65551


def test_a_peer_that_expects_another_of_us_says_so(bench: Bench) -> None:
    bench.peers({"169.254.23.5": (64512, 65111, PREFIXES)})
    apply(bench, with_neighbors(FIRST))
    found = session(bench, lambda one: one.notification and one.notification.code == 2)
    assert found.notification is not None
    assert (found.notification.sent, found.notification.subcode, found.heard_asn) == (False, 2, None)


def test_the_cloud_may_know_us_by_another_number(bench: Bench) -> None:
    bench.peers({"169.254.23.5": (64512, 65010, PREFIXES)})
    apply(bench, with_neighbors(replace(FIRST, local_asn=65010)))
    assert session(bench, lambda one: one.up).our_asn == 65010


def test_a_peer_that_is_not_there_is_waited_for(bench: Bench) -> None:
    apply(bench, with_neighbors(FIRST))
    found = session(bench, lambda one: one.state in ("active", "connect"))
    assert (found.opens_received, found.established_count, found.since) == (0, 0, None)
