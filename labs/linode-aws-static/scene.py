"""Who is who in this lab, what the appliance is told, and how to look at its state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from checking import Done, node, wait_for
from measuring import answered
from observing import link_with, paths, tunnels, verdicts

OUTSIDE = ("eth1", "eth2", "eth3")
"""The Internet router's links: to the appliance, to aws1, to aws2."""
DOCUMENT = "/opt/lab/vpn-0fa4e000000000004.txt"
INTENT = "/etc/appliance/intent.yaml"
LAN, VPC, HOST, PUBLIC = "172.16.0.0/12", "10.0.0.0/16", "10.0.4.10", "203.0.113.10"
SERVER_IN_LAN = "172.16.0.2"
SOMEWHERE = "203.0.113.200"
"""A host on the Internet."""
FAILBACK = 5
"""Seconds for which the better tunnel must have worked before traffic returns to it, in this lab."""
PRIVATE = "net 10.0.0.0/8 or net 172.16.0.0/12 or net 169.254.0.0/16"
"""What must never be seen outside: whatever belongs into the tunnels, or comes from the LAN untranslated."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as the cloud has it: its outside address and our inside address."""

    remote: str
    inside: str


FIRST = Tunnel("198.51.100.2", "169.254.64.22")
SECOND = Tunnel("192.0.2.2", "169.254.65.26")


def configure() -> Done:
    """The main job, as a script runs it. Its end is for the caller to judge."""
    return node("gw").run(
        "appliance", "configure", "--static", "--from", DOCUMENT, "--name", "vpc", "--lan", LAN, "--network", VPC,
        "--uplink", f"isp1=eth1,public={PUBLIC}", "--wait", "60s", "--yes", "--json", ok=False, timeout=180,
    )  # fmt: skip


def complete_the_intent() -> None:
    """What no document says: whom to ask over the tunnels, what is translated, when traffic comes back."""
    gw = node("gw")
    text = re.sub(
        r"(?m)^( *)(mode: static)$",
        rf"\1\2\n\1probe: {{targets: [{{icmp: {HOST}}}]}}",
        gw.run("cat", INTENT).out,
        count=1,
    )
    text += f"""failback: {{policy: revert, after: {FAILBACK}s}}
nat:
  - {{type: masquerade, out: isp1, from: [{LAN}]}}
  - {{type: snat, connection: vpc, from: [{FIRST.inside}/32, {SECOND.inside}/32], to: {SERVER_IN_LAN}}}
"""
    gw.shell(f"cat > {INTENT}", given=text)
    appliance("apply", "--yes")


def appliance(*words: str) -> Any:
    """A verb of the appliance that must succeed; its JSON."""
    return node("gw").run("appliance", *words, "--json", timeout=240).json()


def told() -> dict[str, dict[str, Any]]:
    """What the daemon says of each tunnel, by outside address."""
    held = verdicts("gw")
    return {remote: held[name] for remote, name in names().items()}


@cache
def names() -> dict[str, str]:
    """What the appliance calls each tunnel, by outside address."""
    return tunnels("gw")


def probes_are(state: str) -> bool:
    return {tunnel["probe"]["state"] for tunnel in told().values()} == {state}


def carries(tunnel: Tunnel) -> bool:
    """Whether the appliance's kernel sends to the VPC over this one alone."""
    return paths("gw", VPC) == {link_with("gw", tunnel.inside)}


def wait_until_carries(tunnel: Tunnel, timeout: float = 30) -> None:
    wait_for(lambda: carries(tunnel), timeout, f"{VPC} over {tunnel.remote}", every=0.05)


def wait_until_flowing(timeout: float = 60) -> None:
    """Until half a second's packets from the LAN to the VPC all come back."""
    wait_for(lambda: answered("lan", HOST), timeout, "traffic to flow")


def wire(*words: str) -> None:
    """The Internet router's manners: see far-ends/wire."""
    node("internet").run("/opt/internet/wire", *words)
