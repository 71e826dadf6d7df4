"""A near and a far machine as two network namespaces, with paths between them that can be cut without a word.

The caller's own namespace is the near one, so that the prober and the doors run in it as they are; the far one belongs
to a process that does nothing else. A path is a veth pair: nothing here needs ESP, and the blackout of a tunnel is that
of its probes. A cut is a packet filter's drop at the far end, so that no link goes down to help anybody.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

FILTER = """\
table inet bench {
    set cut { type ifname; }
    set silent { type ipv4_addr; }
    chain in {
        type filter hook prerouting priority raw;
        iifname @cut drop
        ip daddr @silent drop
    }
    chain loss { type filter hook prerouting priority -290; }
}
"""
LOSS = "ip protocol icmp numgen random mod 1000 < {} drop"
BEHIND = IPv4Address("10.9.0.1")
"""Who is behind all paths."""


@dataclass(frozen=True, slots=True)
class Far:
    """The far machine."""

    pid: int

    def told(self, *command: str, given: str | None = None) -> str:
        """A command's output there."""
        entered = ["nsenter", "-t", str(self.pid), "-n", *command]
        return subprocess.run(entered, input=given, check=True, capture_output=True, text=True).stdout

    def filtered(self, *lines: str) -> None:
        """Tell its packet filter."""
        self.told("nft", "-f", "-", given="\n".join(lines) + "\n")

    def cut(self, path: str) -> None:
        """Nothing arrives over this path any more."""
        self.filtered(f"add element inet bench cut {{ {path} }}")

    def restore(self, path: str) -> None:
        """As before."""
        self.filtered(f"delete element inet bench cut {{ {path} }}")

    def silence(self, address: IPv4Address) -> None:
        """Nothing arrives for this address any more."""
        self.filtered(f"add element inet bench silent {{ {address} }}")

    def hear(self, address: IPv4Address) -> None:
        """As before."""
        self.filtered(f"delete element inet bench silent {{ {address} }}")

    def lose(self, share: int) -> None:
        """Of the probes, as many of a thousand as this are lost at random."""
        self.filtered(
            "flush chain inet bench loss", *([f"add rule inet bench loss {LOSS.format(share)}"] if share else [])
        )


@contextmanager
def far_machine(paths: Sequence[str], pairs: Sequence[tuple[IPv4Address, IPv4Address]]) -> Iterator[Far]:
    """The far end of these paths, each with an address at either end (ours first) within a /30."""
    holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; exec sleep infinity"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        far = Far(holder.pid)
        _told("link set lo up")
        far.told("ip", "link", "set", "lo", "up")
        far.told("ip", "address", "add", f"{BEHIND}/32", "dev", "lo")
        far.told("nft", "-f", "-", given=FILTER)
        for path, (ours, theirs) in zip(paths, pairs, strict=True):
            _told(f"link add {path} type veth peer name {path} netns {far.pid}")
            _told(f"address add {ours}/30 dev {path}")
            _told(f"link set {path} up")
            far.told("ip", "address", "add", f"{theirs}/30", "dev", path)
            far.told("ip", "link", "set", path, "up")
        yield far
    finally:
        # The kernel takes a namespace apart some time after its last process: the next far end wants the names.
        for path in paths:
            subprocess.run(["ip", "link", "delete", path], check=False, stderr=subprocess.DEVNULL)
        holder.kill()
        holder.wait()


def many_addresses(far: Far, addresses: Iterable[IPv4Address]) -> None:
    """The far machine answers for all of these."""
    far.told("ip", "-batch", "-", given="".join(f"address add {one}/32 dev lo\n" for one in addresses))


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that want all of the processors."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _told(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)
