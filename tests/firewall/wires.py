"""A small network in namespaces: a LAN host, the box under test, two tunnels' far ends and the Internet.

Sockets keep the namespace they were made in, so one process holds them all. Needs root; asks for it, else skips.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.packet import Packet

CLONE_NEWNET = 0x40000000
PATIENCE = 5.0  # seconds until a packet that must come counts as lost
_libc = ctypes.CDLL(None, use_errno=True)


def ask_for_namespaces() -> None:
    """Skip unless this machine lets us make network namespaces and filter in them."""
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    name = f"ask-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        script = ["ip", "netns", "exec", name, "nft", "add table inet x"]
        said = subprocess.run(script, capture_output=True, text=True, check=False)
        if said.returncode:
            pytest.skip(f"no nf_tables here: {said.stderr.strip()}")
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, its sockets, its children and /proc/sys/net are in the namespace for a while."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def wait_for(predicate: Callable[[], bool], what: str) -> None:
    """Until the predicate holds; fails with ``what`` when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not predicate():
        assert time.monotonic() < deadline, f"never happened: {what}"
        select.select([], [], [], 0.005)


class Plug:
    """One end of a link, for whole frames."""

    def __init__(self, namespace: str, link: str) -> None:
        with inside(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
            self._socket.bind((link, 0))
            self.mac = _mac(link)

    def send(self, packet: Packet) -> None:
        self._socket.send(bytes(packet))

    def forget(self) -> None:
        """Drop what came in so far."""
        while select.select([self._socket], [], [], 0)[0]:
            self._socket.recv(65535)

    def hear(self, wanted: Callable[[Packet], bool]) -> Packet:
        """The first frame that is wanted and came in after the last one heard."""
        return self.hear_until(wanted)[-1]

    def hear_until(self, wanted: Callable[[Packet], bool]) -> list[Packet]:
        """Every frame up to the first that is wanted."""
        deadline, heard = time.monotonic() + PATIENCE, []
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                frame, origin = self._socket.recvfrom(65535)
                if origin[2] == socket.PACKET_OUTGOING:
                    continue
                heard.append(Ether(frame))
                if wanted(heard[-1]):
                    return heard
        raise AssertionError("never came; heard instead:\n" + "\n".join(packet.summary() for packet in heard))

    def close(self) -> None:
        self._socket.close()


def _mac(link: str) -> str:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as probe:
        probe.bind((link, 0))
        return ":".join(f"{byte:02x}" for byte in probe.getsockname()[4])


class Wires:
    """``box`` stands between ``lan`` (eth2), ``isp`` (eth0) and ``cloud`` (vpc-1, vpc-2: veth for the tunnels).

    Over either family ``cloud`` holds a host of its network, ``isp`` the tunnels' remote ends and a stranger.
    """

    LINKS = (("eth2", "lan", "l0"), ("eth0", "isp", "i0"), ("vpc-1", "cloud", "c1"), ("vpc-2", "cloud", "c2"))

    def __init__(self) -> None:
        self.names = {name: f"fw-{name}-{os.getpid()}" for name in ("box", "lan", "isp", "cloud")}
        self._plugs: list[Plug] = []

    def build(self) -> None:
        for name in self.names.values():
            run("ip", "netns", "add", name)
        for here, far, there in self.LINKS:
            run(*f"ip -n {self.names['box']} link add {here} type veth peer {there} netns {self.names[far]}".split())
        for name, script in SETUP.items():
            batch = [line.strip() for line in script.strip().splitlines()]
            run("ip", "-n", self.names[name], "-batch", "-", script="\n".join(batch))
        with inside(self.names["box"]):
            for key in ("ipv4/conf/all/rp_filter", "ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
                Path(f"/proc/sys/net/{key}").write_text("0")
            for link, _, _ in self.LINKS:
                Path(f"/proc/sys/net/ipv4/conf/{link}/rp_filter").write_text("0")
            for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                Path(f"/proc/sys/net/{key}").write_text("1")

    def remove(self) -> None:
        for plug in self._plugs:
            plug.close()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False)

    def plug(self, name: str, link: str) -> Plug:
        plug = Plug(self.names[name], link)
        self._plugs.append(plug)
        return plug

    def mac(self, link: str) -> str:
        """The box's address on one of its links."""
        with inside(self.names["box"]):
            return _mac(link)

    def load(self, text: str) -> None:
        """Exactly this ruleset, nothing else."""
        self.nft("flush ruleset")
        with inside(self.names["box"]):
            run("nft", "-f", "-", script=text)

    def nft(self, *arguments: str) -> str:
        with inside(self.names["box"]):
            return run("nft", *arguments)


SETUP = {
    "box": """
        link set lo up
        link set eth2 up
        link set eth0 up
        link set vpc-1 up
        link set vpc-2 up
        addr add 172.16.20.1/24 dev eth2
        addr add 2001:db8:20::1/64 dev eth2 nodad
        addr add 10.77.0.2/24 dev eth0
        addr add 198.51.100.2/24 dev eth0
        addr add 2001:db8:100::2/64 dev eth0 nodad
        addr add 169.254.23.6/30 dev vpc-1
        addr add 169.254.24.6/30 dev vpc-2
        addr add fd00:23::2/64 dev vpc-1 nodad
        addr add fd00:24::2/64 dev vpc-2 nodad
        route add 10.1.0.0/16 via 169.254.23.5
        route add 10.2.0.0/16 via 169.254.24.5
        route add 2001:db8:1000::/48 via fd00:23::1
        route add 2001:db8:2000::/48 via fd00:24::1
        route add default via 198.51.100.1
        route add default via 2001:db8:100::1
    """,
    "lan": """
        link set lo up
        link set l0 up
        addr add 172.16.20.80/24 dev l0
        addr add 2001:db8:20::80/64 dev l0 nodad
        route add default via 172.16.20.1
        route add default via 2001:db8:20::1
    """,
    "isp": """
        link set lo up
        link set i0 up
        addr add 198.51.100.1/24 dev i0
        addr add 198.51.100.7/24 dev i0
        addr add 198.51.100.66/24 dev i0
        addr add 10.77.0.53/24 dev i0
        addr add 2001:db8:100::1/64 dev i0 nodad
        addr add 2001:db8:100::7/64 dev i0 nodad
        addr add 2001:db8:100::66/64 dev i0 nodad
    """,
    "cloud": """
        link set lo up
        link set c1 up
        link set c2 up
        addr add 169.254.23.5/30 dev c1
        addr add 169.254.24.5/30 dev c2
        addr add fd00:23::1/64 dev c1 nodad
        addr add fd00:24::1/64 dev c2 nodad
        addr add fd00:23::66/64 dev c1 nodad
        addr add 10.1.0.4/32 dev lo
        route add 172.16.20.0/24 via 169.254.23.6
        route add 2001:db8:20::/64 via fd00:23::2
    """,
}


def run(*command: str, script: str | None = None) -> str:
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
