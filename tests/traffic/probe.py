#!/usr/bin/env python3
"""Single crafted packets, and what becomes of them.

    probe.py syn 10.1.0.4 --port 8080 --mss 1460     send a SYN; print the MSS of the SYN/ACK that answers
    probe.py watch-syn -i eth1 -i eth2 --port 8080   print the MSS of the first SYN that arrives
    probe.py datagram 10.1.0.4 --length 1500         send a UDP datagram that must not be fragmented; print the
                                                     ICMP error that answers, and the MTU it names

Lengths in bytes, of the whole IP packet. Each prints one JSON value; what did not come is null.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.sendrecv import sniff, sr1

HEADERS = 28  # an IPv4 and a UDP header


def mss_of(packet: Any) -> int | None:
    """The maximum segment size a TCP packet names, or None."""
    return next((value for name, value in packet[TCP].options if name == "MSS"), None)


def send_syn(target: str, port: int, mss: int, source_port: int, timeout: float) -> dict[str, Any]:
    packet = IP(dst=target) / TCP(sport=source_port, dport=port, flags="S", seq=1000, options=[("MSS", mss)])
    answer = sr1(packet, timeout=timeout)
    if answer is None or TCP not in answer:
        return {"sent": mss, "answer": answer and answer.summary(), "mss": None}
    return {"sent": mss, "answer": str(answer[TCP].flags), "mss": mss_of(answer)}


def watch_syn(interfaces: list[str], port: int, timeout: float) -> dict[str, Any]:
    seen = sniff(
        iface=interfaces,
        count=1,
        timeout=timeout,
        filter=f"tcp dst port {port} and tcp[13] & 18 = 2",
        started_callback=lambda: print(json.dumps({"ready": True}), flush=True),
    )
    if not seen:
        return {"source": None, "mss": None}
    return {"source": seen[0][IP].src, "mss": mss_of(seen[0])}


def send_datagram(target: str, port: int, length: int, timeout: float) -> dict[str, Any]:
    packet = IP(dst=target, flags="DF") / UDP(sport=40999, dport=port) / (b"\0" * (length - HEADERS))
    answer = sr1(packet, timeout=timeout)
    if answer is None or ICMP not in answer:
        return {"length": length, "from": answer and answer.src, "type": None, "code": None, "mtu": None}
    icmp = answer[ICMP]
    return {"length": length, "from": answer.src, "type": icmp.type, "code": icmp.code, "mtu": icmp.nexthopmtu or None}


def main() -> None:
    conf.verb = 0
    parser = argparse.ArgumentParser(description="single crafted packets")
    acts = parser.add_subparsers(dest="act", required=True)
    for name in ("syn", "datagram", "watch-syn"):
        act = acts.add_parser(name)
        act.add_argument("--port", type=int, default=8080)
        act.add_argument("--timeout", type=float, default=10)
        if name != "watch-syn":
            act.add_argument("target")
    acts.choices["syn"].add_argument("--mss", type=int, default=1460)
    acts.choices["syn"].add_argument("--from-port", type=int, default=41000)
    acts.choices["datagram"].add_argument("--length", type=int, default=1500)
    acts.choices["watch-syn"].add_argument("-i", "--interface", action="append", required=True)
    options = parser.parse_args()
    if options.act == "syn":
        result = send_syn(options.target, options.port, options.mss, options.from_port, options.timeout)
    elif options.act == "datagram":
        result = send_datagram(options.target, options.port, options.length, options.timeout)
    else:
        result = watch_syn(options.interface, options.port, options.timeout)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
