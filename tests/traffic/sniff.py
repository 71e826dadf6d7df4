#!/usr/bin/env python3
"""Count, by named libpcap filters, what passes some interfaces; show the packets of one of the filters.

    sniff.py -i eth1 -i eth2 --show clear clear='not esp and not arp' esp='ip proto 50'

Prints {"ready": true} once it watches; at SIGTERM or SIGINT one JSON value: for each interface and filter the number
of packets that passed it (both directions), and for the filters of ``--show`` the first packets, as scapy reads them.
The kernel counts, so a rate that Python could not follow is still counted right.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import signal
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

SOL_PACKET = 263
SO_ATTACH_FILTER = 26
PACKET_STATISTICS = 6
ETH_P_ALL = 0x0003
SHOWN = 10  # packets of one filter on one interface


def compile_filter(expression: str) -> bytes:
    """A libpcap filter for Ethernet as the kernel takes it, by tcpdump: scapy would take seconds to load."""
    command = ("tcpdump", "-y", "EN10MB", "-ddd", expression)
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return b"".join(struct.pack("HBBI", *map(int, line.split())) for line in found[1:])


def watch(interface: str, code: bytes) -> socket.socket:
    """A packet socket on which the kernel passes only what the compiled filter lets through."""
    plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    kept = ctypes.create_string_buffer(code)
    plug.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(code) // 8, ctypes.addressof(kept)))
    plug.setblocking(False)
    plug.bind((interface, ETH_P_ALL))
    return plug


def watch_all(interfaces: Sequence[str], filters: Mapping[str, str]) -> dict[tuple[str, str], socket.socket]:
    """A socket for each interface and named filter."""
    codes = {name: compile_filter(expression) for name, expression in filters.items()}
    return {(interface, name): watch(interface, code) for interface in interfaces for name, code in codes.items()}


def count(plug: socket.socket) -> int:
    """Packets that passed the socket's filter so far, also those the socket had no room for."""
    passed, _dropped = struct.unpack("II", plug.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return int(passed)


def read(plug: socket.socket) -> list[str]:
    """One line for each of the first packets."""
    found: list[bytes] = []
    while len(found) < SHOWN:
        try:
            found.append(plug.recv(65535))
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise
            continue  # told once, when the link was down meanwhile; what passed before and after is there
    return _in_words(found) if found else []


def _in_words(packets: Sequence[bytes]) -> list[str]:
    # Scapy takes seconds to load on a slow machine, and mostly there is nothing to show.
    for layers in ("scapy.layers.inet", "scapy.layers.inet6"):
        import_module(layers)
    from scapy.layers.l2 import Ether

    return [Ether(data).summary() for data in packets]


def report(sockets: dict[tuple[str, str], socket.socket], shown: Sequence[str]) -> dict[str, Any]:
    """Packets by interface and filter, and in words those of the filters to be shown."""
    counts: dict[str, dict[str, int]] = {}
    for (interface, name), plug in sockets.items():
        counts.setdefault(interface, {})[name] = count(plug)
    packets = [
        f"{interface}: {line}" for (interface, name), plug in sockets.items() if name in shown for line in read(plug)
    ]
    return {"counts": counts, "packets": packets}


def main() -> None:
    parser = argparse.ArgumentParser(description="count what passes interfaces, by filters")
    parser.add_argument("-i", "--interface", action="append", required=True)
    parser.add_argument("--show", action="append", default=[], metavar="NAME")
    parser.add_argument("filters", nargs="+", metavar="NAME=EXPRESSION")
    options = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    filters = dict(text.split("=", 1) for text in options.filters)
    sockets = watch_all(options.interface, filters)
    print(json.dumps({"ready": True}), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    print(json.dumps(report(sockets, options.show)), flush=True)


if __name__ == "__main__":
    main()
