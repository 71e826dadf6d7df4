"""The floors of the house: who may import whom, read from every file's imports."""

from __future__ import annotations

import ast
import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPLIANCE = ROOT / "appliance"

FLOORS = {
    "model": 0,
    "profiles": 0,
    "templates": 0,
    "vendors": 1,
    "intent": 1,
    "plan": 1,
    "failover": 1,
    "diagnose": 1,
    "report": 1,
    "probe": 1,
    "verdict": 1,
    "kernel": 1,
    "sysctl": 1,
    "ipsec": 1,
    "frr": 1,
    "announce": 1,
    "rib": 1,
    "firewall": 1,
    "metrics": 1,
    "history": 1,
    "control": 1,
    "boot": 1,
    "image": 1,
    "lab": 3,
    "design": 2,
    "todo": 2,
    "daemon": 4,
    "cli": 5,
}
"""The floor of a room's pure files; its doors stand on floor 3. Of floor 0, ``model`` is the ground."""

DOORS = {
    "kernel/netlink.py": {"pyroute2"},
    "kernel/monitor.py": set(),
    "kernel/overhearing.py": set(),
    "kernel/resetting.py": set(),
    "sysctl/procsys.py": set(),
    "ipsec/charon.py": set(),
    "ipsec/conversation.py": {"vici"},
    "ipsec/files.py": set(),
    "frr/files.py": set(),
    "frr/living.py": set(),
    "frr/vtysh.py": set(),
    "firewall/nft.py": set(),
    "history/files.py": set(),
    "history/store.py": set(),
    "control/asking.py": set(),
    "control/channel.py": set(),
    "boot/systemctl.py": set(),
    "announce/exabgp_api.py": set(),
    "announce/process.py": set(),
    "announce/bridge.py": set(),
    "image/recipe.py": set(),
    "image/seed.py": set(),
    "probe/bursts.py": set(),
    "probe/prober.py": set(),
    "probe/sockets.py": set(),
    "metrics/exporter.py": set(),
}
"""The files that do I/O, with the one outside library each may use."""

LAB_LIBRARIES = {"pyroute2", "yaml"}
"""The lab stands on floor 3 as a whole: it drives a guest from outside and makes namespaces inside."""

WORLD = {
    *("asyncio", "socket", "subprocess", "os", "time", "random", "pyroute2", "vici", "exabgp"),
    *("ctypes", "fcntl", "multiprocessing", "secrets", "select", "shutil", "signal", "ssl", "tempfile", "threading"),
}
"""Clock, chance, processes, files and sockets: for doors and above."""

PURE_LIBRARIES = {"jinja2", "yaml"}
LIBRARIES = {"click", "exabgp", "jinja2", "munet", "pyroute2", "scapy", "vici", "yaml"}
COPYLEFT = {"munet", "scapy"}
FORBIDDEN_NAMES = {"base", "common", "handler", "helper", "helpers", "manager", "misc", "service", "util", "utils"}


@dataclass(frozen=True)
class Import:
    """``module`` as named in the file; ``room`` and ``file`` are set for one of ours."""

    module: str
    line: int

    @property
    def library(self) -> str:
        return self.module.split(".")[0]

    @property
    def room(self) -> str | None:
        parts = self.module.split(".")
        return parts[1] if parts[0] == "appliance" and len(parts) > 1 else None

    @property
    def file(self) -> str:
        parts = self.module.split(".")[1:3]
        return f"{parts[0]}/{parts[1] if len(parts) > 1 else '__init__'}.py"


def imports_of(source: str) -> Iterator[Import]:
    """Every import, also inside functions; ``from a.b import c`` is a.b.c when that is a module of ours."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the room"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                is_module = ROOT.joinpath(*deeper.split(".")).with_suffix(".py").exists()
                yield Import(deeper if is_module else str(node.module), node.lineno)


def floor_of(file: str) -> int:
    return 3 if file in DOORS else FLOORS[file.split("/")[0]]


def offences(file: str, source: str) -> Iterator[str]:
    """What the file (``room/name.py``) imports and must not."""
    room, floor = file.split("/")[0], floor_of(file)
    for found in imports_of(source):
        where = f"appliance/{file}:{found.line}: {found.module}"
        if found.room is None:
            yield from (f"{where}: {reason}" for reason in _outside(file, found.library))
        elif found.room not in FLOORS:
            yield f"{where}: a room without a floor"
        elif found.file in DOORS and room != found.room and floor < 4:
            yield f"{where}: only daemon and cli use a door"
        elif found.room != room and not (room != "model" and _may_see(floor, found)):
            yield f"{where}: floor {floor} may not import it"


def _outside(file: str, library: str) -> Iterator[str]:
    floor = floor_of(file)
    if library in COPYLEFT:
        yield "its licence keeps it out of the product"
    if floor < 3 and library in WORLD:
        yield f"floor {floor} does no I/O"
    if library in LIBRARIES - COPYLEFT:
        by_room = {"cli": {"click", *PURE_LIBRARIES}, "lab": LAB_LIBRARIES}
        if library not in DOORS.get(file, by_room.get(file.split("/")[0], PURE_LIBRARIES)):
            yield "another file's library"


def _may_see(floor: int, found: Import) -> bool:
    """Floor 1 and doors see floor 0 and their own room; the others all that is below them."""
    if floor == 0:
        return found.room == "model"
    if floor in (1, 3):
        return FLOORS[str(found.room)] == 0
    return floor_of(found.file) < floor


def sources() -> list[str]:
    files = [path for path in APPLIANCE.rglob("*.py") if path.parent != APPLIANCE]
    return sorted(str(path.relative_to(APPLIANCE)) for path in files)


@pytest.mark.parametrize("file", sources())
def test_a_file_imports_only_what_its_floor_may(file: str) -> None:
    assert list(offences(file, (APPLIANCE / file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("model/intent.py", "import yaml.nodes\nimport os"),
        ("model/intent.py", "from appliance.vendors.aws import x"),
        ("model/intent.py", "from appliance.profiles.aws import x"),
        ("vendors/aws.py", "import asyncio"),
        ("vendors/aws.py", "def late():\n    from time import monotonic"),
        ("vendors/aws.py", "from appliance.intent.read import x"),
        ("plan/diff.py", "from appliance.design.compose import x"),
        ("design/compose.py", "from appliance.firewall import nft"),
        ("design/compose.py", "from appliance.daemon.loop import x"),
        ("firewall/ruleset.py", "from subprocess import run"),
        ("firewall/nft.py", "from appliance.kernel.netlink import Kernel"),
        ("firewall/nft.py", "from appliance.frr.render import x"),
        ("firewall/nft.py", "import vici"),
        ("daemon/loop.py", "from appliance.cli.main import x"),
        ("daemon/loop.py", "import pyroute2"),
        ("lab/namespaces.py", "import scapy.all"),
        ("report/status.py", "from appliance.nowhere.file import x"),
    ],
)
def test_the_table_is_enforced(file: str, source: str) -> None:
    assert list(offences(file, source)) != []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("vendors/aws.py", "from appliance.model.intent import Intent\nfrom appliance.profiles.aws import AWS"),
        ("intent/read.py", "import yaml\nfrom appliance.intent.tree import Node"),
        ("design/filtering.py", "from appliance.firewall.ruleset import render_ruleset"),
        ("ipsec/conversation.py", "import vici, asyncio\nfrom appliance.ipsec.status import x"),
        ("daemon/wiring.py", "import asyncio\nfrom appliance.firewall.nft import Nft"),
        ("cli/main.py", "import click\nfrom appliance.daemon.converge import converge"),
    ],
)
def test_the_table_allows_what_it_should(file: str, source: str) -> None:
    assert list(offences(file, source)) == []


def test_every_room_has_a_floor() -> None:
    assert {path.name for path in APPLIANCE.iterdir() if (path / "__init__.py").exists()} <= set(FLOORS)


def test_no_file_or_room_bears_a_name_that_says_nothing_or_hides_a_library() -> None:
    names = {Path(file).stem for file in sources()} | {Path(file).parts[0] for file in sources()}
    assert names & (FORBIDDEN_NAMES | LIBRARIES) == set()


def test_the_packages_are_the_rooms() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in APPLIANCE.rglob("__init__.py")}
    assert set(project["tool"]["setuptools"]["packages"]) == rooms


def test_the_speaker_folder_does_not_hide_its_library() -> None:
    assert not list((ROOT / "exabgp").rglob("__init__.py"))
    assert not (ROOT / "exabgp" / "exabgp.py").exists()
    if importlib.util.find_spec("exabgp") is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    assert importlib.import_module("exabgp").__file__ is not None
