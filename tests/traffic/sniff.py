#!/usr/bin/env python3
"""Count, by named libpcap filters, what passes some interfaces; show the packets of one of the filters.

    sniff.py -i eth1 -i eth2 --show clear clear='not esp and not arp' esp='ip proto 50'

Prints {"ready": true} once it watches; at SIGTERM or SIGINT one JSON value: for each interface and filter the number
of packets that passed it (both directions), and for the filters of ``--show`` the first packets, as scapy reads them.
The kernel counts, so a rate that Python could not follow is still counted right.
"""

from __future__ import annotations

import argparse
import errno
import json
import signal
import socket
import struct
from importlib import import_module
from typing import Any

from scapy.arch.linux import attach_filter

SOL_PACKET = 263
PACKET_STATISTICS = 6
ETH_P_ALL = 0x0003
SHOWN = 10  # packets of one filter on one interface


def watch(interface: str, expression: str) -> socket.socket:
    """A packet socket on which the kernel passes only what the filter lets through."""
    plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    attach_filter(plug, expression, interface)
    plug.setblocking(False)
    plug.bind((interface, ETH_P_ALL))
    return plug


def count(plug: socket.socket) -> int:
    """Packets that passed the socket's filter so far, also those the socket had no room for."""
    passed, _dropped = struct.unpack("II", plug.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return int(passed)


def read(plug: socket.socket) -> list[str]:
    """One line for each of the first packets."""
    # Scapy's protocols take a second to load, and mostly there is nothing to show.
    for layers in ("scapy.layers.inet", "scapy.layers.inet6"):
        import_module(layers)
    from scapy.layers.l2 import Ether

    lines: list[str] = []
    while len(lines) < SHOWN:
        try:
            data = plug.recv(65535)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise
            continue  # told once, when the link was down meanwhile; what passed before and after is there
        lines.append(Ether(data).summary())
    return lines


def report(sockets: dict[tuple[str, str], socket.socket], shown: list[str]) -> dict[str, Any]:
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
    sockets = {
        (interface, name): watch(interface, expression)
        for interface in options.interface
        for name, expression in filters.items()
    }
    print(json.dumps({"ready": True}), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    print(json.dumps(report(sockets, options.show)), flush=True)


if __name__ == "__main__":
    main()
