#!/usr/bin/env python3
"""One TCP transfer with a known content: did all of it arrive, unharmed?

    bulk.py serve --port 8080                      take transfers; answer each with the SHA-256 of what came
    bulk.py send 10.1.0.4 --port 8080 --megabytes 10
    bulk.py send 10.1.0.4 --port 8080 --until-told   a trickle until SIGTERM, then the digest

The sender prints one JSON value: ``bytes`` sent, ``seconds``, ``whole`` (the far side's digest is ours).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import socket
import time

BLOCK = bytes(range(256)) * 256


def serve(port: int) -> None:
    """Take one transfer after the other until the process ends."""
    with socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        print(json.dumps({"ready": True}), flush=True)
        while True:
            plug, _ = listener.accept()
            with plug:
                answer(plug)


def answer(plug: socket.socket) -> None:
    digest = hashlib.sha256()
    plug.settimeout(60)
    try:
        while data := plug.recv(1 << 18):
            digest.update(data)
        plug.sendall(digest.hexdigest().encode())
    except OSError:
        return  # the sender went away: it is the one that reports


def send(target: str, port: int, megabytes: int, timeout: float) -> dict[str, object]:
    digest, total, start = hashlib.sha256(), 0, time.monotonic()
    with socket.create_connection((target, port), timeout=timeout) as plug:
        while total < megabytes << 20:
            plug.sendall(BLOCK)
            digest.update(BLOCK)
            total += len(BLOCK)
        plug.shutdown(socket.SHUT_WR)
        theirs = plug.recv(64, socket.MSG_WAITALL).decode()
    return {"bytes": total, "seconds": round(time.monotonic() - start, 2), "whole": theirs == digest.hexdigest()}


def trickle(target: str, port: int, timeout: float) -> dict[str, object]:
    """A session that lives as long as it is wanted: 1000 bytes every 50 ms, and at most ``timeout`` seconds unsent."""
    wanted = [True]
    signal.signal(signal.SIGTERM, lambda *_: wanted.clear())
    digest, total, start = hashlib.sha256(), 0, time.monotonic()
    with socket.create_connection((target, port), timeout=timeout) as plug:
        print(json.dumps({"ready": True}), flush=True)
        while wanted:
            plug.sendall(BLOCK[:1000])
            digest.update(BLOCK[:1000])
            total += 1000
            time.sleep(0.05)
        plug.shutdown(socket.SHUT_WR)
        theirs = plug.recv(64, socket.MSG_WAITALL).decode()
    return {"bytes": total, "seconds": round(time.monotonic() - start, 2), "whole": theirs == digest.hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description="a TCP transfer with a known content")
    acts = parser.add_subparsers(dest="act", required=True)
    for name in ("serve", "send"):
        act = acts.add_parser(name)
        act.add_argument("--port", type=int, default=8080)
    act.add_argument("target")
    act.add_argument("--megabytes", type=int, default=10)
    act.add_argument("--timeout", type=float, default=60, help="seconds a single step may take")
    act.add_argument("--until-told", action="store_true")
    options = parser.parse_args()
    if options.act == "serve":
        serve(options.port)
    elif options.until_told:
        print(json.dumps(trickle(options.target, options.port, options.timeout)), flush=True)
    else:
        print(json.dumps(send(options.target, options.port, options.megabytes, options.timeout)), flush=True)


if __name__ == "__main__":
    main()
