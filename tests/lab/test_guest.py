"""The lab engine for real: a guest is booted (or found running), and small labs come and go in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.lab.vm import InGuest

pytestmark = pytest.mark.guest

ROOT = Path(__file__).resolve().parent.parent.parent

PAIR = """\
name: engine-test-pair
topology:
  defaults: {kind: linux, image: appliance-lab}
  nodes:
    left:
      env: {GREETING: hello}
      sysctls: {net.ipv4.ip_forward: 1}
      binds: ["given.txt:/var/run/given.txt:ro", "given.txt:/etc/deep/given.txt"]
      exec: ["ip address add 192.0.2.1/24 dev eth1"]
    right:
      exec: ["ip address add 192.0.2.2/24 dev eth1"]
    switch: {kind: bridge}
  links:
    - {endpoints: ["left:eth1", "switch:p1"], mtu: 1500}
    - {endpoints: ["right:eth1", "switch:p2"], mtu: 1500}
"""

SLOW = """\
name: engine-test-slow
topology:
  defaults: {kind: linux, image: appliance-lab}
  nodes:
    first: {cmd: sleep 86399}
    other: {cmd: sleep 86399}
    second: {startup-delay: 600}
"""

CHECKS = """
from checking import check, main, node

@check(timeout=20)
def they_reach_each_other():
    '''The left reaches the right.'''
    node("left").run("ping -c 1 -W 5 192.0.2.2")

@check(timeout=20)
def sockets_can_be_a_nodes():
    '''A socket opened inside a node's network is the node's.'''
    import socket
    with node("right").network(), socket.create_server(("192.0.2.2", 7)):
        node("left").run("nc -z -w 5 192.0.2.2 7")

@check(timeout=20)
def nobody_is_there():
    '''Nobody has the address 192.0.2.3.'''
    node("left").run("ping -c 1 -W 1 192.0.2.3")

main()
"""


def appliance(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "appliance.cli.main", "lab", *words]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False, timeout=300)


def wait_for(predicate: Callable[[], Any], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place() -> InGuest:
    place = InGuest(ROOT, lambda _line: None, ROOT / "build/lab-failures")
    place.guest.start()
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labs")
    (folder / "pair.clab.yml").write_text(PAIR)
    (folder / "slow.clab.yml").write_text(SLOW)
    (folder / "given.txt").write_text("given\n")
    (folder / "checks.py").write_text(CHECKS)
    return folder


@pytest.fixture(scope="module")
def pair(place: InGuest, folder: Path) -> Iterator[dict[str, Any]]:
    place.down("engine-test-pair")
    done = appliance("up", str(folder / "pair.clab.yml"), "--backend", "vm", "--json")
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)
    place.down("engine-test-pair")


def inside(node: str, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return appliance("exec", "--lab", "engine-test-pair", "--backend", "vm", node, "--", *words, given=given)


def test_up_tells_what_is_up(pair: dict[str, Any], folder: Path) -> None:
    assert pair["schema"] == 1
    assert pair["lab"]["file"] == str(folder / "pair.clab.yml")
    assert {node["name"]: node["status"] for node in pair["lab"]["nodes"]} == {
        "left": "up",
        "right": "up",
        "switch": "up",
    }
    assert [(result["node"], result["exit"]) for result in pair["exec"]] == [("left", 0), ("right", 0)]


def test_streams_and_exit_codes_pass_through(pair: dict[str, Any]) -> None:
    done = inside("left", "sh", "-c", 'cat; echo "$GREETING" >&2; exit 37', given="one\ntwo\n")
    assert (done.returncode, done.stdout, done.stderr) == (37, "one\ntwo\n", "hello\n")
    assert inside("left", "no-such-program").returncode == 127


def test_nodes_are_joined_by_the_links_alone(pair: dict[str, Any]) -> None:
    assert inside("left", "ping", "-c", "1", "-W", "5", "192.0.2.2").returncode == 0
    assert inside("left", "sh", "-c", "ls /sys/class/net | sort | tr '\\n' ' '").stdout == "eth1 lo "
    assert inside("left", "ping", "-c", "1", "-W", "1", "10.0.2.2").returncode != 0


def test_a_node_has_files_of_its_own(pair: dict[str, Any]) -> None:
    for place in ("/run", "/tmp", "/etc", "/var", "/root"):
        assert inside("left", "touch", f"{place}/of-the-left").returncode == 0
        assert inside("right", "test", "-e", f"{place}/of-the-left").returncode == 1
    assert inside("left", "cat", "/run/given.txt", "/etc/deep/given.txt").stdout == "given\ngiven\n"
    assert inside("left", "sh", "-c", "echo x > /run/given.txt").returncode != 0
    assert inside("left", "hostname").stdout == "left\n"
    assert inside("left", "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    assert inside("right", "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "0\n"
    assert inside("right", "cat", "/proc/sys/net/ipv6/conf/eth1/disable_ipv6").stdout == "0\n"


def test_the_listing_shows_it(pair: dict[str, Any]) -> None:
    listed = json.loads(appliance("list", "--backend", "vm", "--json").stdout)
    assert "engine-test-pair" in [lab["name"] for lab in listed["running"]]


def test_what_is_up_is_not_deployed_again(pair: dict[str, Any], folder: Path) -> None:
    for verb in ("up", "run"):
        done = appliance(verb, str(folder / "pair.clab.yml"), "--backend", "vm", "--json")
        assert done.returncode == 1
        assert json.loads(done.stdout)["error"]["code"] == "lab-up"
    assert inside("left", "true").returncode == 0


def test_checks_are_run_and_a_failure_leaves_evidence(place: InGuest, folder: Path, tmp_path: Path) -> None:
    place.down("engine-test-pair")
    options = ("--backend", "vm", "--json", "--failures", str(tmp_path))
    done = appliance("run", str(folder / "pair.clab.yml"), *options)
    assert done.returncode == 1
    (lab,) = json.loads(done.stdout)["labs"]
    assert [(check["name"], check["passed"]) for check in lab["checks"]] == [
        ("deploy", True),
        ("they-reach-each-other", True),
        ("sockets-can-be-a-nodes", True),
        ("nobody-is-there", False),
    ]
    kept = tmp_path / "engine-test-pair"
    assert lab["kept"] == str(kept)
    captures = list((kept / "captures").iterdir())
    assert len(captures) == 2
    assert all(path.stat().st_size > 24 for path in captures)
    assert "192.0.2.1/24" in (kept / "nodes/left/state.txt").read_text()
    assert "engine-test-pair" not in place.names()


def test_down_ends_every_process_and_namespace(place: InGuest, folder: Path) -> None:
    place.down("engine-test-pair")
    assert appliance("up", str(folder / "pair.clab.yml"), "--backend", "vm").returncode == 0
    pids = place.guest.do(
        "for file in /run/appliance-lab/engine-test-pair/nodes/*/pid; do cat $file; echo; done"
    ).split()
    assert len(pids) == 3
    assert place.down("engine-test-pair")
    alive = place.guest.ask(f"ls -d {' '.join(f'/proc/{pid.decode()}/root/proc/1' for pid in pids)}")
    assert alive.out == b""


def test_a_killed_deployer_leaves_nothing_after_down(place: InGuest, folder: Path) -> None:
    place.down("engine-test-slow")
    before = place.guest.do("lsns -n -t net | wc -l; mount | wc -l")
    command = [
        sys.executable,
        "-m",
        "appliance.cli.main",
        "lab",
        "up",
        str(folder / "slow.clab.yml"),
        "--backend",
        "vm",
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as deployer:
        wait_for(lambda: place.guest.ask("pgrep -fc '^sleep 86399'").out == b"2\n", "the first nodes never ran")
        deployer.send_signal(signal.SIGKILL)
    done = appliance("down", "engine-test-slow", "--keep-guest", "--json")
    assert json.loads(done.stdout)["down"] == ["engine-test-slow"]
    assert place.guest.ask("pgrep -f 'engine-test-sl[o]w|sleep 8639[9]'").out == b""
    assert place.guest.ask("ls -d /run/appliance-lab/engine-test-slow").code != 0
    wait_for(
        lambda: place.guest.do("lsns -n -t net | wc -l; mount | wc -l") <= before, "namespaces or mounts are left", 10
    )


def test_the_guest_ends_with_its_last_lab(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_GUEST", str(tmp_path / "guest"))
    own = InGuest(ROOT, lambda _line: None, tmp_path)
    up = appliance("up", str(folder / "pair.clab.yml"), "--backend", "vm")
    assert up.returncode == 0, up.stderr
    pid = int((tmp_path / "guest/pid").read_text())
    assert own.guest.running()
    down = appliance("down", "engine-test-pair", "--backend", "vm", "--json")
    assert json.loads(down.stdout) == {"schema": 1, "down": ["engine-test-pair"], "guest_ended": True}
    assert not own.guest.running()
    wait_for(
        lambda: not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text(), "QEMU runs on", 10
    )
    channels = subprocess.run(["pgrep", "-f", f"ssh.*{tmp_path}/guest"], capture_output=True, text=True, check=False)
    assert channels.stdout == ""
