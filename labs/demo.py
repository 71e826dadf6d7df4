#!/usr/bin/env python3
"""The main job, shown: a cloud's document goes in, encrypted packets come out over two tunnels, and one is taken away.

    make demo                 or: .venv/bin/python labs/demo.py [--keep]

Everything happens in a guest on this machine; nothing leaves it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LAB = "aws-bgp-ecmp"
DOCUMENT = "/opt/lab/vpn-0fa4e000000000001.txt"
HOST = "10.1.0.4"
REMOTE = "198.51.100.2"
PREFIX = "10.1.0.0/16"
APPLIANCE = (sys.executable, "-m", "appliance.cli.main")
ROOT = Path(__file__).resolve().parent.parent
STREAM = ("python3", "/opt/traffic/stream.py")

CLEAR_WATCH = ("timeout", "26", "tcpdump", "-lnnq", "-i", "any", "net", PREFIX, "and", "net", "172.16.20.0/24")
"""Prints a line for every packet between the LAN and the VPC that is not encrypted."""

PICTURE = r"""
                             +------+
   lan --- gw --- internet --| aws1 |-- vpc     gw is the appliance; aws1 and aws2 stand for
   .20.10  |          \      +------+  /        AWS's two tunnel ends, vpc for a host behind them
           two tunnels \     +------+ /
                        `----| aws2 |-'
                             +------+
"""


def main(words: Sequence[str]) -> int:
    """The steps, in the order in which a newcomer meets them."""
    begun = time.monotonic()
    say_what_it_costs()
    boot_the_lab()
    try:
        configure()
        show_balance()
        gap = take_one_away()
        bring_it_back()
    finally:
        if "--keep" not in words:
            lab("down", LAB, quiet=True)
    title(f"That was the main job, in {time.monotonic() - begun:.0f} s. The failover took {gap:.2f} s.")
    print("Look around yourself:  .venv/bin/python labs/demo.py --keep")
    print(f"                       .venv/bin/appliance lab exec --lab {LAB} gw -- appliance status")
    print("Your own download:     .venv/bin/appliance import YOUR-DOWNLOAD.txt")
    return 0


def say_what_it_costs() -> None:
    title("A company's network joins an AWS VPC: two tunnels, BGP, both in use")
    print(PICTURE)
    if any((ROOT / "build" / "images").glob("guest-*/disk.ext4")):
        print("The guest's image is there already; this takes two to three minutes.")
    else:
        print("The first time this downloads about 350 MB of Debian packages and wheels and builds the")
        print("guest's image: five to ten minutes. After that the demo takes two to three.")


def boot_the_lab() -> None:
    title("1. Boot the lab: six nodes in one guest")
    begun = time.monotonic()
    lab("up", LAB)
    print(f"   up after {time.monotonic() - begun:.0f} s")


def configure() -> None:
    title("2. Configure the appliance from what the cloud gave us")
    command = (
        "appliance", "configure", "--bgp", "--from", DOCUMENT, "--name", "vpc", "--asn", "65010",
        "--peer-asn", "64512", "--lan", "172.16.20.0/24", "--uplink", "isp1=eth1", "--yes",
    )  # fmt: skip
    print("   gw# " + " ".join(command).replace(" --name", " \\\n       --name") + "\n", flush=True)
    lab("exec", "--lab", LAB, "gw", "--", *command)


def show_balance() -> None:
    title("3. 64 flows from the LAN to the VPC: both tunnels carry them")
    start_echo()
    before = carried()
    result = json.loads(node("lan", *STREAM, "send", HOST, "--flows", "64", "--rate", "5", "--seconds", "5"))
    after = carried()
    print(f"   {result['sent']} packets sent, {result['lost']} lost")
    for name in sorted(after):
        show_bar(name, after[name] - before[name], sum(after.values()) - sum(before.values()))
    print("   the kernel's route: one prefix, one nexthop group over both tunnels")
    for line in node("gw", "ip", "route", "show", PREFIX).splitlines():
        print(f"      {line.strip()}")


def take_one_away() -> float:
    """Cut a tunnel under traffic; the longest time in seconds for which the VPC heard nothing of a flow."""
    title("4. Take one tunnel away: its packets are silently dropped on the Internet")
    print(
        "   Nobody is told. BGP's timers would need up to 30 s to find out; the appliance asks every 100 ms.",
        flush=True,
    )
    watcher = start("internet", *CLEAR_WATCH)
    echo = start("vpc", "timeout", "-s", "TERM", "26", *STREAM, "echo", "--port", "7001")
    assert echo.stdout is not None
    echo.stdout.readline()  # it is ready
    sender = start("lan", *STREAM, "send", HOST, "--port", "7001", "--flows", "16", "--rate", "20", "--seconds", "14")
    assert sender.stderr is not None
    sender.stderr.readline()  # it is ready: every flow has had its first answers when the tunnel goes
    time.sleep(2)
    node("internet", "/opt/internet/wire", "block", REMOTE)
    result = json.loads(sender.communicate(timeout=120)[0])
    heard = json.loads(echo.communicate(timeout=120)[0])
    there, back = heard["gap_ms"] / 1000, result["gap_ms"] / 1000
    print(f"   {result['sent']} packets sent; the longest gap of a flow on its way to the VPC: {there:.2f} s")
    if back > there + 1:
        print("   Flows that the cloud answers over the dead tunnel wait for the cloud's own hold time.")
    seen = [packet for packet in watcher.communicate(timeout=120)[0].split("\n") if packet.strip()]
    print(f"   In clear on the Internet meanwhile: {len(seen)} packets", *seen[:5], sep="\n      ")
    print("   What status says now:\n", flush=True)
    lab("exec", "--lab", LAB, "gw", "--", "appliance", "status", check=False)
    return float(there)


def bring_it_back() -> None:
    title("5. It works again by itself, and carries after a minute without another loss")
    node("internet", "/opt/internet/wire", "open")
    lab("exec", "--lab", LAB, "gw", "--", "appliance", "status", "--wait", "90s", check=False)


def start_echo() -> None:
    """The host behind the cloud answers every packet."""
    node("vpc", "sh", "-c", "setsid python3 /opt/traffic/stream.py echo </dev/null >/dev/null 2>&1 &")
    until = time.monotonic() + 20
    while json.loads(node("lan", *STREAM, "send", HOST, "--rate", "10", "--seconds", "1"))["received"] == 0:
        if time.monotonic() > until:
            raise SystemExit("the host behind the cloud does not answer")


def carried() -> dict[str, int]:
    """Bytes sent into each tunnel so far."""
    status: dict[str, Any] = json.loads(node("gw", "appliance", "status", "--json"))
    return {tunnel["name"]: tunnel["tx_bytes"] for tunnel in status["connections"][0]["tunnels"]}


def show_bar(name: str, part: int, whole: int) -> None:
    share = part / whole if whole else 0
    print(f"   {name:<8} {'█' * round(40 * share):<40} {part / 1024:6.0f} KiB  {share:4.0%}")


def title(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold}{text}{plain}", flush=True)


def lab(*words: str, check: bool = True, quiet: bool = False) -> None:
    """A lab verb whose output people see."""
    done = subprocess.run((*APPLIANCE, "lab", *words), cwd=ROOT, check=False,
                          stdout=subprocess.DEVNULL if quiet else None)  # fmt: skip
    if check and done.returncode:
        raise SystemExit(done.returncode)


def node(name: str, *command: str) -> str:
    """What a command in a node prints; the demo ends when it fails."""
    done = subprocess.run(in_node(name, *command), cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        raise SystemExit(done.returncode)
    return done.stdout


def start(name: str, *command: str) -> subprocess.Popen[str]:
    """A command in a node, begun."""
    return subprocess.Popen(in_node(name, *command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=ROOT)  # fmt: skip


def in_node(name: str, *command: str) -> tuple[str, ...]:
    return (*APPLIANCE, "lab", "exec", "--lab", LAB, name, "--", *command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
