"""Who is who in this lab, what the appliance is told, and how to look at its state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from checking import Done, Failed, node, wait_for
from observing import link_with, paths, tunnels, verdicts

OUTSIDE = ("eth1", "eth2", "eth3")
"""The Internet router's links: to the appliance, to aws1, to aws2."""

DOCUMENT = "/opt/lab/vpn-0fa4e000000000003-generic.txt"
INTENT = "/etc/appliance/intent.yaml"
LAN, VPC, HOST = "172.16.20.0/24", "10.1.0.0/16", "10.1.0.4"
FAILBACK = 5
"""Seconds for which the better tunnel must have worked before traffic returns to it, in this lab."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as the cloud has it: its outside address and our inside address."""

    remote: str
    inside: str


FIRST = Tunnel("198.51.100.2", "169.254.23.6")
SECOND = Tunnel("192.0.2.2", "169.254.22.74")


def configure() -> Done:
    """The main job, as a script runs it. Its end is for the caller to judge."""
    return node("gw").run(
        "appliance", "configure", "--static", "--from", DOCUMENT, "--name", "vpc", "--lan", LAN, "--network", VPC,
        "--uplink", "isp1=eth1", "--wait", "60s", "--yes", "--json", ok=False, timeout=180,
    )  # fmt: skip


def appliance(*words: str) -> Any:
    """A verb of the appliance that must succeed; its JSON."""
    return node("gw").run("appliance", *words, "--json", timeout=240).json()


def add_to_intent(text: str) -> None:
    """Change the intent by hand and apply it, as an operator does."""
    node("gw").shell(f"cat >> {INTENT}", given=text)
    appliance("apply", "--yes")


def change_intent(old: str, new: str) -> None:
    """Change what stands in the intent, and apply it."""
    gw = node("gw")
    text = gw.run("cat", INTENT).out
    if old not in text:
        raise Failed(f"the intent has no {old!r}")
    gw.shell(f"cat > {INTENT}", given=text.replace(old, new))
    appliance("apply", "--yes")


def told() -> dict[str, dict[str, Any]]:
    """What the daemon says of each tunnel, by outside address."""
    held = verdicts("gw")
    return {remote: held[name] for remote, name in names().items()}


@cache
def names() -> dict[str, str]:
    """What the appliance calls each tunnel, by outside address."""
    return tunnels("gw")


def link(tunnel: Tunnel) -> str:
    """The appliance's XFRM interface of a tunnel: the one that has its inside address."""
    return link_with("gw", tunnel.inside)


def carries(*tunnels: Tunnel) -> bool:
    """Whether the appliance's kernel sends to the VPC over these and no others."""
    return paths("gw", VPC) == {link(tunnel) for tunnel in tunnels}


def wait_until_carries(*tunnels: Tunnel, timeout: float = 30) -> None:
    wanted = ", ".join(tunnel.remote for tunnel in tunnels) or "nothing"
    wait_for(lambda: carries(*tunnels), timeout, f"{VPC} over {wanted}")


def somebody_carries() -> bool:
    """Whether the kernel has a way to the VPC at all."""
    return carries(FIRST) or carries(SECOND)


def wait_until_armed() -> None:
    """Both tunnels' probes are answered, so that silence means something."""
    wait_for(lambda: all(tunnel["probe"]["state"] == "up" for tunnel in told().values()), 40, "probes to be answered")


def wire(*words: str) -> None:
    """The Internet router's manners: see far-ends/wire."""
    node("internet").run("/opt/internet/wire", *words)


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """The block takes no longer."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    if took > seconds:
        raise Failed(f"{what} took {took:.2f} s, more than {seconds:g}")
