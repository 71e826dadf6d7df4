#!/usr/bin/env python3
"""TCP transfers with a known content: did all of it arrive, unharmed?

    bulk.py serve --port 8080     take transfers; answer each with the SHA-256 of what came

What sends says ``bytes``, ``seconds``, and ``whole``: the far side's digest is ours.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import time
from collections.abc import Callable

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


def connect(target: str, port: int = 8080, timeout: float = 60) -> socket.socket:
    """A session in the network of the calling thread; no single step of it may take longer than ``timeout`` seconds."""
    return socket.create_connection((target, port), timeout=timeout)


def send(plug: socket.socket, megabytes: int) -> dict[str, object]:
    """As much as that, as fast as it goes."""
    digest, total, start = hashlib.sha256(), 0, time.monotonic()
    while total < megabytes << 20:
        plug.sendall(BLOCK)
        digest.update(BLOCK)
        total += len(BLOCK)
    return _conclude(plug, digest.hexdigest(), total, start)


def trickle(plug: socket.socket, wanted: Callable[[], bool]) -> dict[str, object]:
    """A session that lives as long as it is wanted: 1000 bytes every 50 ms: a slow flow is what the pause is for,
    nothing is waited for."""
    digest, total, start = hashlib.sha256(), 0, time.monotonic()
    while wanted():
        plug.sendall(BLOCK[:1000])
        digest.update(BLOCK[:1000])
        total += 1000
        time.sleep(0.05)
    return _conclude(plug, digest.hexdigest(), total, start)


def _conclude(plug: socket.socket, digest: str, total: int, start: float) -> dict[str, object]:
    plug.shutdown(socket.SHUT_WR)
    theirs = plug.recv(64, socket.MSG_WAITALL).decode()
    return {"bytes": total, "seconds": round(time.monotonic() - start, 2), "whole": theirs == digest}


def main() -> None:
    parser = argparse.ArgumentParser(description="take TCP transfers")
    acts = parser.add_subparsers(dest="act", required=True)
    acts.add_parser("serve").add_argument("--port", type=int, default=8080)
    serve(parser.parse_args().port)


if __name__ == "__main__":
    main()
