"""The backend `containerlab`, with stand-ins for it and for Docker that keep what is up and refuse what cannot be.

Their containers are namespaces with a process in them, so that checks enter them as they enter real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.lab.checks import Manner
from appliance.lab.containerlab import Containers
from appliance.lab.state import lab_folder
from appliance.lab.topology import Topology, parse_topology
from appliance.model.fault import SystemFailure, SystemLacks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root")

STAND_IN = """\
#!{python}
import json, os, signal, subprocess, sys
from pathlib import Path

import yaml

STATE = Path({state!r})
labs = json.loads(STATE.read_text()) if STATE.exists() else {{}}
program, words = Path(sys.argv[0]).name, sys.argv[1:]
containers = {{name: one for lab in labs.values() for name, one in lab["containers"].items()}}
if program == "docker":
    if words == ["info"] or words == ["image", "inspect", "appliance-lab"]:
        sys.exit(0)
    if words[:1] == ["logs"] and words[1] in containers:
        sys.exit(print("it said so"))
    if words[:3] == ["inspect", "--format", "{{{{.State.Pid}}}}"] and words[3] in containers:
        sys.exit(print(containers[words[3]]["pid"]))
    sys.exit(f"Error: No such object: {{words[-1]}}")
if words[0] == "inspect":
    print(json.dumps({{name: [{{"name": one, "kind": "linux", "image": "appliance-lab", "state": "running",
                              "absLabPath": lab["file"]}} for one in lab["containers"]]
                      for name, lab in labs.items()}}))
elif words[0] == "deploy":
    file = words[words.index("--topo") + 1]
    topology = yaml.safe_load(Path(file).read_text())
    name = topology["name"]
    if name in labs:
        sys.exit(f"Error: the lab {{name}} is deployed already")
    nodes = topology["topology"]["nodes"]
    bridges = [node for node, own in nodes.items() if own.get("kind") == "bridge"]
    if missing := [one for one in bridges if not Path("/sys/class/net", one, "bridge").is_dir()]:
        sys.exit(f"Error: bridge {{missing[0]}} is referenced in the topology but does not exist")
    started = {{}}
    for node in [node for node in nodes if node not in bridges]:
        own = ("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "sleep", "300")
        outer = subprocess.Popen(own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        children = Path(f"/proc/{{outer.pid}}/task/{{outer.pid}}/children")
        ready = lambda pid: b"sleep" in Path(f"/proc/{{pid}}/cmdline").read_bytes()
        while not (inner := children.read_text().split()) or not ready(inner[0]):
            pass
        subprocess.run(["nsenter", "--target", inner[0], "--uts", "hostname", node], check=True)
        started[f"clab-{{name}}-{{node}}"] = {{"pid": int(inner[0]), "outer": outer.pid}}
    labs[name] = {{"file": file, "containers": started}}
elif words[0] == "destroy":
    for one in labs.pop(words[words.index("--name") + 1])["containers"].values():
        os.kill(one["outer"], signal.SIGKILL)
STATE.write_text(json.dumps(labs))
"""
TOPOLOGY = """\
name: two-containers
topology:
  defaults: {kind: linux, image: appliance-lab}
  nodes:
    left: {env: {SIDE: west}}
    right: {}
    two-ports: {kind: bridge}
  links:
    - endpoints: ["left:eth1", "two-ports:left"]
    - endpoints: ["right:eth1", "two-ports:right"]
"""
BRIDGE = Path("/sys/class/net/two-ports")
CHECKS = """\
from checking import check, main, node

@check()
def a_node_is_entered() -> None:
    '''The commands of a check run in the container, with its environment.'''
    assert node("left").run("sh -c 'echo $(uname -n) $SIDE'").out.split() == ["left", "west"]
    assert node("right").log == "it said so\\n"

@check()
def what_does_not_hold_is_said() -> None:
    '''The right one is the left one.'''
    assert node("right").run("uname -n").out.strip() == "left"

main()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("containerlab", "docker"):
        (folder / name).write_text(STAND_IN.format(python=sys.executable, state=str(tmp_path / "state")))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab" / "two-containers.clab.yml"
    path.parent.mkdir()
    path.write_text(TOPOLOGY)
    (path.parent / "checks.py").write_text(CHECKS)
    return path


@pytest.fixture
def topology(file: Path) -> Topology:
    return parse_topology(TOPOLOGY, str(file))


@pytest.fixture
def place(programs: Path) -> Iterator[Containers]:
    place = Containers(lambda _line: None)
    yield place
    place.down("two-containers")


def test_a_labs_checks_run_in_its_containers(place: Containers, topology: Topology, file: Path) -> None:
    report = place.run(topology, file, Manner(keep=False, quick=False, speaker=None))
    told = {result.name: result.passed for result in report.checks}
    assert told == {"deploy": True, "a-node-is-entered": True, "what-does-not-hold-is-said": False}, report.checks
    assert place.names() == []
    assert not lab_folder("two-containers").exists()
    assert not BRIDGE.exists()


def test_a_failed_lab_can_be_kept(place: Containers, topology: Topology, file: Path) -> None:
    assert not place.run(topology, file, Manner(keep=True, quick=False, speaker=None)).passed
    assert place.names() == ["two-containers"]
    assert place.down("two-containers")


def test_a_bridge_of_others_stays(place: Containers, topology: Topology, file: Path) -> None:
    subprocess.run(["ip", "link", "add", BRIDGE.name, "type", "bridge"], check=True)
    try:
        place.up(topology, file)
        assert place.down("two-containers")
        assert BRIDGE.exists()
    finally:
        subprocess.run(["ip", "link", "delete", BRIDGE.name], check=True)


def test_what_is_up_already_is_left_alone(place: Containers, topology: Topology, file: Path) -> None:
    place.up(topology, file)
    with pytest.raises(SystemFailure, match="deployed already"):
        place.run(topology, file, Manner(keep=False, quick=False, speaker=None))
    assert place.names() == ["two-containers"]


def test_without_the_programs_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemLacks, match="containerlab is not installed"):
        Containers(lambda _line: None)
