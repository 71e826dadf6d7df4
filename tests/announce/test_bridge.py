"""ExaBGP's API process by itself: it always reads, keeps what the daemon does not take, and ends with either."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

BRIDGE = Path(__file__).resolve().parents[2] / "exabgp" / "bridge"
PATIENCE = 30.0
MEGABYTE = 1 << 20


@contextmanager
def bridged(program: Path, *before: str) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """The program at work, and the daemon's end of it, which takes nothing by itself."""
    name = f"bridge-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(PATIENCE)
        door.bind(f"\0{name}")
        door.listen()
        words, environment = [*before, sys.executable, str(program)], {"APPLIANCE_SPEAKER": name}
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
            try:
                daemon, _ = door.accept()
            except TimeoutError:
                process.kill()
                raise
            with daemon:
                daemon.settimeout(PATIENCE)
                try:
                    yield process, daemon
                finally:  # before its daemon is gone, for then it kills what started it: this process
                    process.kill()
                    process.wait()


def say(process: subprocess.Popen[bytes], data: bytes) -> Thread:
    """As ExaBGP does, which waits for as long as it takes; the thread ends with it."""

    def write() -> None:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(data)

    thread = Thread(target=write, daemon=True)
    thread.start()
    return thread


def test_a_daemon_that_takes_nothing_stalls_nobody_and_loses_nothing() -> None:
    data = b"".join(b"%015d\n" % number for number in range(MEGABYTE // 2))
    with bridged(BRIDGE) as (process, daemon):
        said = say(process, data)
        said.join(PATIENCE)
        assert not said.is_alive(), "ExaBGP waits for the daemon"
        heard = bytearray()
        while len(heard) < len(data) - MEGABYTE:  # the rest may still be in ExaBGP's own buffer
            heard += daemon.recv(MEGABYTE)
        assert data.startswith(heard)
        daemon.sendall(b"reload\n")
        assert process.stdout is not None
        assert process.stdout.readline() == b"reload\n"


def test_beyond_its_limit_it_ends(tmp_path: Path) -> None:
    """Then all is learned again, which costs less than to keep it."""
    small = tmp_path / "bridge"
    small.write_text(BRIDGE.read_text().replace("LIMIT = 256 << 20", "LIMIT = 1 << 20"))
    with bridged(small) as (process, _):
        say(process, bytes(8 * MEGABYTE))
        assert process.wait(PATIENCE) == 1


def test_it_ends_with_exabgp() -> None:
    with bridged(BRIDGE) as (process, daemon):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert daemon.recv(1) == b""


def test_it_ends_exabgp_with_the_daemon() -> None:
    """What started it stands for ExaBGP, and is killed: no neighbour is told goodbye."""
    parent = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    with bridged(BRIDGE, sys.executable, "-c", parent) as (process, daemon):
        daemon.close()
        assert process.wait(PATIENCE) == -9
