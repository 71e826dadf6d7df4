"""Which doors a machine has, and how the files of the appliance become a wish."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from appliance.announce.exabgp_api import Exabgp
from appliance.boot.systemctl import Systemd
from appliance.firewall.nft import Nft
from appliance.frr.vtysh import Frr
from appliance.history.store import Store
from appliance.ipsec.charon import Charon
from appliance.kernel.netlink import Kernel
from appliance.kernel.overhearing import Heard, overhear
from appliance.kernel.resetting import Ends, reset_sessions
from appliance.model.address import IPAddress
from appliance.model.change import Door
from appliance.model.fault import FaultyInput
from appliance.probe.prober import Prober
from appliance.sysctl.procsys import Procsys

TEMPLATES, SPEAKER = "frr-templates", "exabgp"
IMAGE_MARK = Path("/etc/appliance/image")
"""Present on machines booted from our own image, where the filter judges everything."""


Marks = tuple[tuple[str, int, int, int], ...]
"""Path, inode, time and size of files."""

Listen = Callable[[str, Collection[IPAddress], Collection[IPAddress], float], Awaitable[Heard]]


@dataclass(frozen=True, slots=True)
class Systems:
    """The doors of one machine, and the store beside them. ``open_prober`` makes the daemon's prober, which calls what
    it is given, in its own thread, when there is news. ``overhear`` counts what comes out of a tunnel, ``reset`` ends
    BGP's connections without a word."""

    store: Store
    kernel: Kernel
    sysctl: Procsys
    charon: Charon
    frr: Frr
    firewall: Nft
    exabgp: Exabgp = field(default_factory=Exabgp)
    open_prober: Callable[[Callable[[], None]], Prober] = Prober
    overhear: Listen = overhear
    reset: Callable[[Collection[Ends]], Awaitable[int]] = reset_sessions
    systemd: Systemd = field(default_factory=Systemd)

    @property
    def doors(self) -> tuple[Door, ...]:
        """Every door that holds resources."""
        return (self.kernel, self.sysctl, self.firewall, self.charon, self.frr, self.exabgp)


def open_systems() -> Systems:
    """This machine's doors. Nothing is touched or connected to yet."""
    store = Store()
    return Systems(
        store=store,
        kernel=Kernel(),
        sysctl=Procsys(store.state_dir / "sysctl.json"),
        charon=Charon(record_file=store.run_dir / "charon.json"),
        frr=Frr(record_file=store.run_dir / "frr.json"),
        firewall=Nft(record_file=store.run_dir / "firewall.json"),
    )


def read_templates() -> dict[str, str]:
    """Both speakers' templates: of the source tree this runs from, else where the image installs them."""
    files = (path for folder in (TEMPLATES, SPEAKER) for path in sorted(_installed(folder).glob("*.j2")))
    return {path.name: path.read_text(encoding="utf-8") for path in files}


def mark_templates() -> Marks:
    """Another one when they are others."""
    return tuple(_mark_all(_installed(TEMPLATES)) + _mark_all(_installed(SPEAKER)))


def _mark_all(folder: Path) -> list[tuple[str, int, int, int]]:
    with os.scandir(folder) as entries:
        found = [(entry.path, entry.stat()) for entry in entries if entry.name.endswith(".j2")]
    return sorted((path, one.st_ino, one.st_mtime_ns, one.st_size) for path, one in found)


def read_programs() -> dict[str, str]:
    """The texts of what starts ExaBGP and of its API process, by the names under which they run."""
    folder = _installed(SPEAKER)
    return {name: (folder / file).read_text(encoding="utf-8") for name, file in (("exabgp", "launch"), ("bridge",) * 2)}


def _installed(folder: str) -> Path:
    places = (Path(__file__).parents[2] / folder, Path("/usr/share/appliance") / folder)
    for place in places:
        if place.is_dir():
            return place
    raise FaultyInput(f"no templates in {' or '.join(map(str, places))}", code="templates")
