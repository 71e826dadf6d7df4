"""The box that is measured, seen by the tools of others: what stands on it, and how it becomes empty again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from appliance.kernel import links

START = "/opt/bench/start-box"
STATE = (Path("/var/lib/appliance"), Path("/run/appliance"))


def standing() -> dict[str, int]:
    """How many of each kind of object there are."""
    summary = json.loads(_told("vtysh", "-c", "show bgp summary json") or "{}")
    neighbors = summary.get("ipv4Unicast", {}).get("peers", {})
    return {
        "links": len(_links()),
        "addresses": _told("ip", "-o", "-4", "addr").count("169.254."),
        "blackholes": len(json.loads(_told("ip", "-j", "route", "show", "type", "blackhole"))),
        "nexthops": len(json.loads(_told("ip", "-j", "nexthop", "show", "proto", "173"))),
        "connections": sum(": IKE" in line for line in _told("swanctl", "--list-conns").splitlines()),
        "neighbours": len(neighbors),
        "tables": _told("nft", "list", "tables").count("inet appliance"),
    }


def empty(machine_wide: Iterable[str]) -> None:
    """Take everything away, whoever made it, and start the daemons anew; fail unless it is gone."""
    for line in (
        "ip nexthop flush proto 173",
        "ip route flush proto 173",
        "nft destroy table inet appliance",
        START,
    ):
        _told(*line.split())
    _told("ip", "-batch", "-", given="".join(f"link set {name} group 77\n" for name in _links()))
    if _links():
        _told("ip", "link", "delete", "group", "77")
    for folder in STATE:
        shutil.rmtree(folder, ignore_errors=True)
    for name in machine_wide:
        Path("/proc/sys", *name.split(".")).write_text("1" if name.endswith("nexthop_compat_mode") else "0")
    left = {kind: count for kind, count in standing().items() if count}
    if left:
        raise RuntimeError(f"still there after everything was taken down: {left}")


def _links() -> list[str]:
    return [link["ifname"] for link in json.loads(_told("ip", "-j", "link", "show", "type", links.KIND_XFRM) or "[]")]


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds from start to end of a command, and its output. It must succeed."""
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout}")
    return seconds, done.stdout


def calibrate() -> float:
    """Seconds for a fixed piece of work: how steady the machine itself is."""
    begun = time.perf_counter()
    sum(number * number for number in range(200_000))
    return time.perf_counter() - begun


def spent(pid: int) -> float:
    """Processor seconds of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _told(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout}")
    return done.stdout
