"""A real FRR of ours and one of the cloud's, in two network namespaces joined by two cables. Asked for, else skipped.

The program is looked for in ``/usr/lib/frr``, else in the Debian 13 that the lab unpacks for its tools, or the one of
``FRR_ROOT=DIRECTORY``: so a host without FRR, or with an older one, can run it too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import Any, TypeVar

import pytest

BGPD = "usr/lib/frr/bgpd"
IMAGES = Path(__file__).resolve().parents[2] / "build" / "images"
TOOLS = sorted(IMAGES.glob(f"tools-*/root/{BGPD}"), key=lambda path: path.stat().st_ctime)
ROOT = Path(os.environ.get("FRR_ROOT") or ("/" if Path("/", BGPD).exists() or not TOOLS else str(TOOLS[-1].parents[3])))
DAEMONS = ("mgmtd", "zebra", "bgpd")
RELOAD = "/usr/lib/frr/frr-reload.py"
PATIENCE = 25.0
T = TypeVar("T")

CABLES = (
    ("t1", "169.254.23.6/30", "f1", "169.254.23.5/30"),
    ("t2", "169.254.24.6/30", "f2", "169.254.24.5/30"),
    ("t6", "fd00:1::2/126", "f6", "fd00:1::1/126"),
)
"""Our link and address, theirs."""


@cache
def version() -> str | None:
    """Of the FRR there is, None without one."""
    try:
        done = subprocess.run(_rooted("/usr/lib/frr/bgpd", "--version"), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"version (\S+)", done.stdout)
    return found[1] if found else None


def need_frr() -> None:
    """Skip the test, with its reason, where there is no FRR 10 that we may run."""
    if os.geteuid() != 0:
        pytest.skip("starting FRR in network namespaces takes root")
    if version() is None:
        pytest.skip("there is no FRR (/usr/lib/frr/bgpd) here")
    if int(str(version()).split(".")[0]) < 10:
        pytest.skip(f"FRR {version()} is older than 10")
    if shutil.which("ip") is None:
        pytest.skip("there is no program ip")
    if subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be had here")


def need_quick_machine() -> None:
    """Skip the test where the processor is emulated: what takes seconds takes minutes there, and the labs, which have
    to run there, show the same of the whole appliance."""
    if "QEMU TCG" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("the processor is emulated: too slow for a test that waits for BGP often")


def _rooted(*command: str) -> list[str]:
    return list(command) if str(ROOT) == "/" else ["chroot", str(ROOT), *command]


@dataclass
class Speaker:
    """One FRR: its network namespace and its daemons. ``keeps``: seconds for which a new zebra keeps the routes of the
    one before it, None: it sweeps them at once."""

    name: str
    keeps: int | None = None
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def run_dir(self) -> Path:
        return ROOT / "run/frr" / self.name

    def start(self, *daemons: str) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        (ROOT / "etc/frr" / self.name).mkdir(parents=True, exist_ok=True)
        (ROOT / "etc/frr" / self.name / "vtysh.conf").touch()
        subprocess.run(_rooted("chown", "frr:frr", "/run/frr", f"/run/frr/{self.name}"), check=True)
        for daemon in daemons or DAEMONS:
            files = ["-f", "/dev/null"] if daemon in ("bgpd", "zebra") else []
            files += ["-K", str(self.keeps)] if daemon == "zebra" and self.keeps is not None else []
            log = f"file:/run/frr/{self.name}/{daemon}.log"
            command = _rooted(f"/usr/lib/frr/{daemon}", "-N", self.name, "-P", "0", "--log", log, *files)
            with (self.run_dir / f"{daemon}.out").open("ab") as out:
                enter = ["ip", "netns", "exec", self.name]
                self._children[daemon] = subprocess.Popen(
                    [*enter, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out
                )
        for daemon in daemons or DAEMONS:
            wait_for(lambda daemon=daemon: self._answers(daemon), f"{daemon} of {self.name} does not answer")

    def _answers(self, daemon: str) -> bool:
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.run_dir / f"{daemon}.vty")) == 0

    def restart(self, *daemons: str) -> None:
        for daemon in daemons or DAEMONS:
            if daemon in self._children:
                self.stop(daemon)
        self.start(*daemons)

    def stop(self, *daemons: str) -> None:
        """End daemons as a service manager would."""
        for daemon in daemons or tuple(self._children):
            child = self._children.pop(daemon)
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            with suppress(FileNotFoundError):
                (self.run_dir / f"{daemon}.vty").unlink()

    def kill(self, daemon: str) -> None:
        """End a daemon without a word."""
        child = self._children.pop(daemon)
        child.kill()
        child.wait()
        (self.run_dir / f"{daemon}.vty").unlink()

    def process(self, daemon: str) -> int:
        """Its number."""
        return self._children[daemon].pid

    def run(self, *command: str, check: bool = True) -> str:
        """A command in the speaker's network namespace."""
        done = subprocess.run(["ip", "netns", "exec", self.name, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def vtysh(self, *arguments: str, check: bool = True) -> str:
        """FRR's own client: what the tests see FRR with."""
        return self.run(*_rooted("vtysh", "-N", self.name, *arguments), check=check)

    def nft(self, text: str) -> None:
        """The packet filter of the root that FRR is from: a host with none can lose packets too."""
        self.run(*_rooted("nft", text))

    def json(self, command: str) -> Any:
        return json.loads(self.vtysh("-c", command))

    def configure(self, text: str) -> None:
        """Load a text as an operator would, with ``vtysh -f``."""
        name = f"run/frr/{self.name}/load.conf"
        (ROOT / name).write_text(text)
        self.vtysh("-f", f"/{name}")

    def running(self) -> str:
        """The configuration as FRR writes it, without the file's headings and what it says of the kernel."""
        lines = self.vtysh("-c", "show running-config").splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("hostname"))
        kept = [line for line in lines[start + 1 : -1] if not re.fullmatch(r"(no )?ip(v6)? forwarding", line)]
        return "\n".join(dropwhile("!".__eq__, kept))

    def reload_difference(self, text: str) -> list[str]:
        """What FRR's own reload script would still change to reach ``text``."""
        head = self.vtysh("-c", "show running-config").split("!\n")[1]
        name = f"run/frr/{self.name}/judge.conf"
        (ROOT / name).write_text(f"{head}!\n{text}")
        command = ("python3", RELOAD, "--test", "--pathspace", self.name, "--stdout", f"/{name}")
        out = self.run(*_rooted(*command), check=False)
        assert "Lines To" in out or not out.strip() or "Loading" in out, out
        return [line for line in out.splitlines() if re.match(r"(no |[a-z])", line) and line.strip() != "exit"]


@dataclass
class Pair:
    """Ours and the cloud's."""

    us: Speaker
    far: Speaker


@contextmanager
def speakers() -> Iterator[Pair]:
    """Two namespaces, three cables, eight daemons."""
    need_frr()
    tag = f"{os.getpid() % 100_000}"
    with ExitStack() as stack:
        pair = Pair(*(stack.enter_context(_speaker(f"frr{side}{tag}")) for side in ("u", "f")))
        for ours, our_address, theirs, their_address in CABLES:
            subprocess.run(
                f"ip link add {ours} netns {pair.us.name} type veth peer name {theirs} netns {pair.far.name}".split(),
                check=True,
            )
            for speaker, link, address in ((pair.us, ours, our_address), (pair.far, theirs, their_address)):
                nodad = ["nodad"] if ":" in address else []
                speaker.run("ip", "address", "add", address, "dev", link, *nodad)
                speaker.run("ip", "link", "set", link, "up")
        yield pair


@contextmanager
def _speaker(name: str) -> Iterator[Speaker]:
    subprocess.run(["ip", "netns", "add", name], check=True)
    speaker = Speaker(name)
    try:
        speaker.run("ip", "link", "set", "lo", "up")
        speaker.start()
        yield speaker
    finally:
        speaker.stop()
        subprocess.run(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(speaker.run_dir, ignore_errors=True)
        shutil.rmtree(ROOT / "etc/frr" / name, ignore_errors=True)


def cloud(peers: Mapping[str, tuple[int, int, Mapping[str, int]]], timers: str = "1 3") -> str:
    """The cloud's configuration: per our address, its number, the one it expects, and prefixes with their MED. What
    it was told it keeps as it was: so that it needs not ask for all again when its route-maps are read."""
    lines = [
        "bgp route-map delay-timer 1",
        "router bgp 64512",
        " bgp router-id 192.0.2.1",
        " no bgp network import-check",
    ]
    lines += [" no bgp default ipv4-unicast"]
    maps: list[str] = []
    families: dict[str, list[str]] = {"ipv4": [], "ipv6": []}
    for address, (asn, expects, prefixes) in peers.items():
        lines.append(f" neighbor {address} remote-as {expects}")
        if asn != 64512:
            lines.append(f" neighbor {address} local-as {asn} no-prepend replace-as")
        lines += [f" neighbor {address} timers {timers}", f" neighbor {address} timers connect 1"]
        word, family = ("ipv6", "ipv6") if ":" in address else ("ip", "ipv4")
        families[family] += [f"  network {prefix}" for prefix in prefixes]
        told = ("activate", "soft-reconfiguration inbound", "route-map all in", f"route-map {address} out")
        families[family] += [f"  neighbor {address} {rest}" for rest in told]
        for number, (prefix, med) in enumerate(prefixes.items(), 1):
            maps.append(f"{word} prefix-list {address}-{number} seq 5 permit {prefix}")
            maps += [f"route-map {address} permit {number}", f" match {word} address prefix-list {address}-{number}"]
            maps += [f" set metric {med}", "exit"]
    for family, inside in families.items():
        lines += [f" address-family {family} unicast", *dict.fromkeys(inside), " exit-address-family"]
    return "\n".join(["route-map all permit 10", "exit", *maps, *lines, "exit", ""])


def wait_for(predicate: Callable[[], bool], message: str, within: float = PATIENCE) -> None:
    """Look until it is so, or fail with ``message``."""
    deadline = time.monotonic() + within
    while not predicate():
        if time.monotonic() > deadline:
            pytest.fail(f"{message} (waited {within:.0f} s)")
        time.sleep(0.05)


def until(look: Callable[[], T], message: Callable[[], str], within: float = PATIENCE) -> T:
    """What ``look`` returns as soon as that is true."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{message()} (waited {within:.0f} s)")
        time.sleep(0.05)
    return found
