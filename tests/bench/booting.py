"""I1, I2, I3: the machine image beside Debian 13 set up for the same two tunnels, and beside the bare kernel.

Ours and Debian (images/baseline.py) are timed from power-on to the first answer to a ping that a host on the LAN
sends through ESP, in the same QEMU, with the same cards, against the same cloud. Ours starts by firmware and loader,
after a power cut; Debian by its kernel directly, from a clean disk, which is to its advantage. The bare kernel is the
image's own, booted directly up to its first program.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from appliance.image.machine import Trial, render_words
from appliance.image.recipe import find_root
from appliance.lab.machine import processor_words, qemu_major, qemu_program
from tests.bench.rows import Row, middle, spread
from tests.image.box import Box
from tests.image.cloud import REPO, Cloud
from tests.image.conftest import user_data

ROUNDS = 2
PATIENCE = 900.0
SAID = "THERE"
"""What the bare kernel's first program says on the console."""
TOLD = "TOLD"
"""What Debian says there after each look at its memory."""
PARTS = ("kernel and initrd", "systemd until the daemon starts", "the daemon until its first pass is done")
STAMPS = (
    "systemctl show -P UserspaceTimestampMonotonic; "
    "systemctl show -P ExecMainStartTimestampMonotonic appliance; "
    "systemctl show -P ActiveEnterTimestampMonotonic appliance"
)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds from power-on, MB used, and what ours spent its seconds on."""

    kernel: float
    ours: float
    debian: float
    used: float
    used_by_debian: float
    parts: tuple[float, ...]


def measure() -> list[Row]:
    """The goals' rows."""
    image = _built("images/disk.py", "--disk", "--if-changed", str(REPO / "build/image"))
    debian = _built("images/baseline.py")
    with tempfile.TemporaryDirectory(prefix="boot-", dir="/var/tmp") as folder:
        cloud = Cloud(Path(folder))
        cloud.start()
        box = Box(Path(folder) / "box", image / "appliance.raw", cloud.cards())
        try:
            box.seed(user_data(box).encode())
            first = _until_ping(box, cloud)
            box.wait_for("appliance: READY", PATIENCE)
            box.do("sync")
            box.unplug_seed()
            rounds = [_round(box, cloud, image, debian) for _ in range(ROUNDS)]
        finally:
            box.remove()
            cloud.stop()
    sizes = [file.stat().st_size / 1e6 for file in (image / "appliance.qcow2", debian / "disk.qcow2")]
    return [*_time_rows(rounds, first), _size_row(*sizes), _memory_row(rounds)]


def _built(*command: str) -> Path:
    """The folder that a recipe made."""
    done = subprocess.run((sys.executable, *command), cwd=REPO, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip().splitlines()[-1])


def _round(box: Box, cloud: Cloud, image: Path, debian: Path) -> Round:
    box.kill()
    ours = _until_ping(box, cloud)
    box.wait_for("appliance: READY", PATIENCE)
    held = memory_held(box.do("cat /proc/meminfo"))
    begun, started, done = (int(stamp) / 1e6 for stamp in box.do(STAMPS).split())
    box.kill()
    kernel = _bare(image / "appliance.raw", box.folder, cloud)
    other, used_by_other = _peer(debian, cloud)
    return Round(kernel, ours, other, held, used_by_other, (begun, started - begun, done - started))


def _until_ping(box: Box, cloud: Cloud) -> float:
    begun = monotonic()
    box.start()
    box.wait_until(lambda: _answers(cloud), PATIENCE, "ping")
    return monotonic() - begun


def _answers(cloud: Cloud) -> bool:
    """Whether the LAN has an answer from behind the cloud."""
    return cloud.ask("lan", "ping -c 1 -W 1 10.1.0.4") == 0


def _bare(disk: Path, folder: Path, cloud: Cloud) -> float:
    """Seconds until the image's kernel has started the first program of a file system that holds one alone."""
    root = find_root(REPO, "root")
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    initrd = folder / "bare.cpio"
    initrd.write_bytes(pack({"bin": b"", "bin/busybox": (root / "usr/bin/busybox").read_bytes()}))
    words = f"console=ttyS0 quiet no_timer_check rdinit=/bin/busybox echo {SAID}"
    begun = monotonic()
    with _started(disk, (kernel, initrd, words), cloud) as said:
        _wait(lambda: SAID in said(), said)
        return monotonic() - begun


def _peer(debian: Path, cloud: Cloud) -> tuple[float, float]:
    """Seconds until Debian has a ping answered, and the memory it uses some seconds later."""
    words = "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=false"
    begun = monotonic()
    with _started(debian / "disk.raw", (debian / "vmlinuz", debian / "initrd", words), cloud) as said:
        _wait(lambda: _answers(cloud), said)
        taken = monotonic() - begun
        looks = said().count(TOLD)
        _wait(lambda: said().count(TOLD) > looks + 1, said)
        return taken, memory_held(said().split(TOLD)[-2])


def pack(files: dict[str, bytes]) -> bytes:
    """A cpio archive as the kernel unpacks it (its Documentation, "initramfs buffer format"). Empty: a folder."""
    packed = b""
    for number, (name, data) in enumerate({**files, "TRAILER!!!": b""}.items()):
        mode = 0o100755 if data else 0o040755
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        packed += head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
    return packed


@contextmanager
def _started(disk: Path, boot: tuple[Path, Path, str], cloud: Cloud) -> Iterator[Callable[[], str]]:
    """A machine with our machine's hardware that boots a kernel directly and forgets what it writes; what it says."""
    kernel, initrd, words = boot
    program, environment = qemu_program(None if qemu_major() >= 9 else find_root(REPO, "tools").parent)
    with tempfile.TemporaryDirectory(prefix="direct-", dir="/var/tmp") as folder:
        console = Path(folder) / "console"
        console.touch()
        cards = ("user,restrict=on", *cloud.cards())
        trial = render_words(Trial(disk, cards=cards, console=f"file:{console}", keep=False))
        hardware = [word.removesuffix(",bootindex=0") for word in trial]  # the first to boot is the kernel
        process = subprocess.Popen(
            [*program, *processor_words("tcg"), *hardware, "-kernel", kernel, "-initrd", initrd, "-append", words],
            env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        )  # fmt: skip

        def said() -> str:
            if process.poll() is not None:
                raise RuntimeError(f"QEMU ended with {process.returncode}")
            return console.read_text(errors="replace")

        try:
            yield said
        finally:
            process.kill()
            process.wait()


def _wait(predicate: Callable[[], bool], said: Callable[[], str]) -> None:
    end = monotonic() + PATIENCE
    while not predicate():
        said()
        if monotonic() > end:
            raise RuntimeError(f"it never came up: {said()[-1000:]}")
        sleep(0.1)


def memory_held(meminfo: str) -> float:
    """MB that processes and kernel hold and would not give back for the asking (proc_meminfo(5))."""
    values = {name: int(value) for name, value in re.findall(r"(\w+):\s+(\d+) kB", meminfo)}
    given_back = values["Buffers"] + values["Cached"] - values["Shmem"] + values["SReclaimable"]
    return (values["MemTotal"] - values["MemFree"] - given_back) / 1000


def _time_rows(rounds: list[Round], first: float) -> list[Row]:
    floor = [one.ours / one.kernel for one in rounds]
    gain = [one.debian / one.ours for one in rounds]
    parts = {f"{name}, s": middle([one.parts[number] for one in rounds]) for number, name in enumerate(PARTS)}
    peers = {
        "ours, s": middle([one.ours for one in rounds]),
        **{f"of that {name}": value for name, value in parts.items()},
        "bare kernel, s": middle([one.kernel for one in rounds]),
        "Debian, s": middle([one.debian for one in rounds]),
        "ours, first boot, s": round(first, 1),
        "rounds": len(rounds),
    }
    what = "power-on to the first ping through ESP / the bare kernel's boot"
    control = f"a first boot, which cloud-init and configure are part of: {first / rounds[0].kernel:.1f}"
    other, least = "Debian 13 with the guide's scripts / the same", "it needs neither firmware nor loader here"
    return [
        Row("I1", what, middle(floor), 3.0, "lower", spread(floor), peers, control),
        Row("I1-debian", other, middle(gain), 4.0, "higher", spread(gain), {}, least),
    ]


def _size_row(ours: float, debian: float) -> Row:
    ratio, what = round(debian / ours, 3), "compressed size: Debian 13 with the guide's scripts / ours, both as qcow2"
    peers = {"ours, MB": round(ours, 1), "Debian, MB": round(debian, 1)}
    return Row("I2", what, ratio, 5.0, "higher", (ratio, ratio), peers, "two sizes, no chance in them")


def _memory_row(rounds: list[Round]) -> Row:
    ratios = [one.used_by_debian / one.used for one in rounds]
    ours, debian = middle([one.used for one in rounds]), middle([one.used_by_debian for one in rounds])
    what, peers = "memory in use at two tunnels: Debian 13 / ours", {"ours, MB": ours, "Debian, MB": debian}
    return Row("I3", what, middle(ratios), 3.0, "higher", spread(ratios), peers, "neither page cache nor reserves")
