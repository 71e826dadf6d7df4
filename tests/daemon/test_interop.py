"""The embedded speaker with others' at the far end: FRR and BIRD 2, each in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.announce.far import until
from tests.daemon.test_speaking import Scene, folder, play, reachable
from tests.fakes.box import Box

__all__ = ["folder", "reachable"]

OURS, THEIRS = "169.254.23.6", "169.254.23.5"


def nets(count: int) -> list[str]:
    """So many prefixes."""
    return [f"10.{number // 256}.{number % 256}.0/24" for number in range(count)]


def bird(where: Path, count: int) -> list[list[str]]:
    """BIRD 2."""
    routes = "\n".join(f"  route {net} blackhole;" for net in nets(count))
    (where / "bird.conf").write_text(f"""\
router id 198.51.100.1;
protocol device {{}}
protocol static {{
  ipv4;
{routes}
}}
protocol bgp us {{
  local {THEIRS} as 64512;
  neighbor {OURS} as 65010;
  graceful restart on;
  connect retry time 2;
  ipv4 {{ import all; export where source = RTS_STATIC; next hop self; }};
}}
""")
    return [["bird", "-f", "-c", f"{where}/bird.conf", "-s", f"{where}/bird.ctl", "-P", f"{where}/bird.pid"]]


def frr(where: Path, count: int) -> list[list[str]]:
    """FRR's bgpd, alone."""
    networks = "\n".join(f"  network {net}" for net in nets(count))
    (where / "bgpd.conf").write_text(f"""\
router bgp 64512
 bgp router-id 198.51.100.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 neighbor {OURS} remote-as 65010
 neighbor {OURS} timers connect 2
 address-family ipv4 unicast
{networks}
 exit-address-family
exit
""")
    options = ["-Z", "-f", f"{where}/bgpd.conf", "-i", f"{where}/bgpd.pid", "--vty_socket", str(where), "-P", "0"]
    return [["/usr/lib/frr/bgpd", *options, "-u", "root", "-g", "root", "-l", THEIRS, "-S"]]


@dataclass
class Far:
    """Another's speaker in the namespace ``name``."""

    name: str
    commands: Sequence[Sequence[str]]
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        enter = ["ip", "netns", "exec", self.name]
        quiet = subprocess.DEVNULL
        self._children = [subprocess.Popen([*enter, *one], stdout=quiet, stderr=quiet) for one in self.commands]

    def kill(self) -> None:
        for child in self._children:
            child.send_signal(signal.SIGKILL)
            child.wait()


@contextmanager
def far_end(commands: Sequence[Sequence[str]]) -> Iterator[Far]:
    name = f"far{os.getpid() % 100_000}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    far = Far(name, commands)
    try:
        yield far
    finally:
        far.kill()
        subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.mark.parametrize(("kind", "count"), [(bird, 1000), (frr, 1000)])
def test_it_learns_a_thousand_prefixes_and_lives_through_a_restart_of_the_other_end(
    kind: Callable[[Path, int], list[list[str]]], count: int, box: Box, folder: Path, tmp_path: Path
) -> None:
    """Established, all learned; the far end is killed, its routes are kept (RFC 4724), and learned again."""
    commands = kind(tmp_path, count)
    if shutil.which(commands[0][0]) is None:
        pytest.skip(f"there is no {commands[0][0]} here")
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")

    async def scene(at: Scene) -> None:
        def learned() -> int:
            return len(at.listening.rib.choices)

        def in_kernel() -> bool:
            return list(map(set, at.routes().values())) == [{"vpc-1"}] * count

        def established() -> int:
            return sum(session.established_count for session in at.listening.sessions.all())

        far.start()
        await at.want()
        await until(lambda: learned() == count)
        await until(in_kernel)
        far.kill()
        await until(lambda: not at.listening.sessions.up)
        await at.listening.settle()
        assert learned() == count
        far.start()
        await until(lambda: established() == 2)
        await until(lambda: not at.listening.due() and learned() == count and in_kernel())

    with far_end(commands) as far:
        play(box, folder, scene, elsewhere=far.name, everywhere=True)
