"""The embedded speaker with others' at the far end: FRR, BIRD 2 and GoBGP, each in a namespace of its own."""

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
from tests.announce.speakers import BIRD, FRR, GOBGP, Kind, Words, run_in
from tests.daemon.embedded import SITE, Scene, play
from tests.fakes.box import Box

COUNT = 1000
NETS = tuple(f"10.{number // 256}.{number % 256}.0/24" for number in range(COUNT))
HURRIED = SITE.replace("    speaker: exabgp\n", "    speaker: exabgp\n    bgp: {timers: [1, 3]}\n")


@dataclass
class Far:
    """Another's speaker in the namespace ``name``."""

    name: str
    kind: Kind
    folder: Path
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        enter = ["ip", "netns", "exec", self.name]
        commands = self.kind.daemons(self.folder, NETS)
        self._children = [subprocess.Popen([*enter, *words], stdout=quiet, stderr=quiet) for words in commands]

    async def do(self, words: Callable[[Path], Words]) -> None:
        """What an operator types there, as soon as it answers."""
        await until(lambda: run_in(self.name, words(self.folder)))

    def signal(self, number: signal.Signals) -> None:
        for child in self._children:
            child.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        for child in self._children:
            child.wait()


@contextmanager
def far_end(kind: Kind, where: Path) -> Iterator[Far]:
    name = f"far{os.getpid() % 100_000}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    far = Far(name, kind, where)
    try:
        yield far
    finally:
        far.kill()
        subprocess.run(["ip", "netns", "delete", name], check=False)


@dataclass
class Watch:
    """What the near end knows."""

    at: Scene

    def lives(self) -> int:
        """How many sessions there were, the present one included."""
        return sum(session.established_count for session in self.at.listening.sessions.all())

    def whole(self) -> bool:
        """Whether a session stands, and all prefixes are in the kernel, none of them from before."""
        at = self.at
        return bool(at.listening.sessions.up) and not at.listening.due() and self.in_kernel() == COUNT

    def in_kernel(self) -> int:
        return sum(ways == {"vpc-1"} for ways in self.at.routes().values())

    async def gone(self) -> None:
        await until(lambda: not self.at.listening.sessions.up)
        await self.at.listening.settle()


def need(commands: Sequence[Words]) -> None:
    for words in commands:
        if shutil.which(words[0]) is None:
            pytest.skip(f"there is no {words[0]} here")
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")


@pytest.mark.parametrize("kind", [BIRD, FRR, GOBGP], ids=lambda kind: str(kind.name))
def test_it_gets_on_with_anothers_speaker(kind: Kind, box: Box, folder: Path, tmp_path: Path) -> None:
    """Established, a thousand prefixes learned; its operator asks for a refresh (RFC 2918); it says goodbye and comes
    back; it falls silent for longer than the hold time; it is killed, its routes are kept (RFC 4724), and it tells them
    again."""
    need(kind.daemons(tmp_path, NETS))

    async def scene(at: Scene) -> None:
        watch = Watch(at)
        far.start()
        await at.want(text=HURRIED)
        await until(watch.whole)

        await far.do(kind.refresh)
        await far.do(kind.end)
        await watch.gone()
        assert not watch.in_kernel(), "its routes outlive its goodbye"
        assert any("Cease" in line and "(received)" in line for line in at.said), at.said
        await far.do(kind.begin)
        await until(watch.whole)
        assert watch.lives() == 2, "the refresh cost the session"

        far.signal(signal.SIGSTOP)
        await watch.gone()
        assert any("Hold Timer Expired" in line and "(sent)" in line for line in at.said), at.said
        assert not watch.in_kernel(), "its routes outlive the hold time"
        far.signal(signal.SIGCONT)
        await until(watch.whole)

        far.kill()
        await watch.gone()
        assert watch.in_kernel() == COUNT, "its routes do not outlive its death"
        before = watch.lives()
        far.start()
        await until(lambda: watch.lives() > before and watch.whole())

    with far_end(kind, tmp_path) as far:
        play(box, folder, scene, elsewhere=far.name, everywhere=True)
