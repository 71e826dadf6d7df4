"""A real FRR of ours and one of the cloud's, one pair for each file; and what a test does to ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frr import rig
from tests.frr.bench import LAN, Bench


@pytest.fixture
def quick_machine() -> None:
    rig.need_quick_machine()


@pytest.fixture(scope="module")
def pair() -> Iterator[rig.Pair]:
    with rig.speakers() as pair:
        pair.us.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "host")
        pair.us.run("ip", "address", "add", LAN, "dev", "lan")
        for link in ("lan", "host"):
            pair.us.run("ip", "link", "set", link, "up")
        yield pair


@pytest.fixture
def bench(pair: rig.Pair, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(pair, tmp_path / "frr.json")
    yield bench
    pair.us.run("ip", "link", "set", "t1", "up")
    bench.apply(None)
    pair.far.restart("bgpd")
