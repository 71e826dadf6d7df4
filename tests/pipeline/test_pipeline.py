"""Each case the whole way: ``command.txt`` with what it reads, then the intent in force, the plan, what charon, FRR and
nftables were told, and the status. Each ends with an empty plan and an apply that writes nothing."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from appliance.ipsec.connections import render_swanctl
from appliance.model.resources import FrrConfig, IkeConnection, SharedKey
from tests.cli.calling import Run
from tests.contracts.namespace import own_namespace
from tests.fakes.box import Box

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/command.txt"))
FAKE_KEY = "Fake.key.of.the.environment"


def lines_of(case: Path, first: str) -> list[list[str]]:
    """The lines of the case's command that begin with this word, without it."""
    lines = (case / "command.txt").read_text(encoding="utf-8").splitlines()
    found = [shlex.split(line) for line in lines if line and not line.startswith("#")]
    return [words[1:] for words in found if words[0] == first]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Path) -> Box:
    facts = lines_of(case, "machine")
    made = Box(tmp_path / "machine", address=facts[0][0], gateway=facts[0][1]) if facts else Box(tmp_path / "machine")
    made.stand_in(monkeypatch)
    for peer, prefix, med in lines_of(case, "announces"):
        made.announced.setdefault(ip_address(peer), {})[ip_network(prefix)] = int(med)
    monkeypatch.setenv("FAKE_KEY", FAKE_KEY)
    monkeypatch.chdir(case)
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_whole_way(case: Path, box: Box, run: Run, update: bool) -> None:
    plans, status = [], ""
    for words in lines_of(case, "appliance"):
        shown = run(*words, "--dry-run")
        assert shown.code == 0, shown.err
        plans.append(f"$ appliance {shlex.join(words)}\n{shown.err}")
        done = run(*words, "--yes")
        assert done.code == 0, done.err
        status = done.out
    made = {
        "applied.yaml": box.store.read_intent() or "",
        "plan.txt": "\n".join(plans),
        "status.txt": status,
        "nft.conf": box.nft.loaded or "",
        **asyncio.run(told(box)),
    }
    for name, text in made.items():
        path = case / name
        if update:
            path.write_text(text, encoding="utf-8")
        assert text == (path.read_text(encoding="utf-8") if path.exists() else ""), f"{path}: differs; or --update"
    assert_nothing_is_left(box, run)


async def told(box: Box) -> dict[str, str]:
    """What charon and FRR hold, as their files would say it."""
    held = await box.holds()
    ikes = sorted((r for r in held if isinstance(r, IkeConnection)), key=lambda ike: ike.name)
    keys = sorted((r for r in held if isinstance(r, SharedKey)), key=lambda key: key.id)
    routers = [r.text for r in held if isinstance(r, FrrConfig)]
    return {"swanctl.conf": render_swanctl(ikes, keys), "frr.conf": "".join(routers)}


def assert_nothing_is_left(box: Box, run: Run) -> None:
    """The second plan is empty, and so is what a second apply writes."""
    written = box.writes
    assert run("plan", "--json").json["changes"] == 0
    assert run("apply", "--yes").code == 0
    assert box.writes == written


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nft_takes_its_file(case: Path) -> None:
    text = (case / "nft.conf").read_text(encoding="utf-8")
    with own_namespace():
        assert refusal(text) == ""
        assert "nowhere" in refusal(text.replace("@uplinks", "@nowhere", 1))


def refusal(text: str) -> str:
    """What nft says against a ruleset."""
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed: apt-get install nftables")
    return subprocess.run(["nft", "-c", "-f", "-"], input=text, capture_output=True, text=True, check=False).stderr


def test_behind_nat_less_fits_into_a_packet() -> None:
    with_nat, without = (inner_mtu(name) for name in ("behind-nat", "aws-strongswan-ikev1"))
    assert (with_nat, without) == ({1422}, {1438})


def inner_mtu(case: str) -> set[int]:
    text = (Path(__file__).parent / case / "plan.txt").read_text(encoding="utf-8")
    return {int(found) for found in re.findall(r"xfrm-link .* mtu (\d+)", text)}


def test_there_are_cases() -> None:
    assert len(CASES) >= 8


def test_no_golden_file_holds_a_key() -> None:
    keys = [FAKE_KEY, "Fake.key.of"]
    made = ("applied.yaml", "plan.txt", "status.txt", "nft.conf", "swanctl.conf", "frr.conf")
    texts = [(case / name).read_text(encoding="utf-8") for case in CASES for name in made]
    assert not any(key in text for key in keys for text in texts)
