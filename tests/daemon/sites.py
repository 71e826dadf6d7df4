"""Intents for tests, as text, and a machine that was brought to one."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from appliance.daemon.converge import Report
from appliance.daemon.loop import converge_once
from appliance.daemon.passes import Prepared, apply, load_intent, make_wish, prepare, resolve_secrets
from appliance.history.revision import Down
from appliance.model.secret import Secret
from tests.fakes.box import Box
from tests.fakes.frr import FarEnd

HEAD = """\
version: 1
site: {name: dc1, asn: 65010, router-id: 172.16.20.1, networks: [172.16.20.0/24]}
uplinks:
  - {name: isp1, interface: eth0}
connections:
"""


def tunnel(name: str, remote: str, inside: str, peer: str, more: str = "") -> str:
    """A tunnel's lines."""
    return f"""\
      - name: {name}
        remote: {remote}
        psk: {{file: secrets/{name}.psk}}
        inside: {inside}/30
        peer-inside: {peer}
        ike: {{version: 2, proposals: [aes256-sha256-modp2048], lifetime: 28800}}
        esp: {{proposals: [aes256-sha256-modp2048], lifetime: 3600}}
{more}"""


def connection(name: str, tunnels: Sequence[str], more: str = "") -> str:
    """A connection's lines."""
    return f"""\
  - name: {name}
    id: vpn-0fa4e{name}
    cloud: aws
    mode: bgp
    peer-asn: 64512
{more}    tunnels:
{"".join(tunnels)}"""


VPC_1 = tunnel("vpc-1", "198.51.100.7", "169.254.23.6", "169.254.23.5")
VPC_2 = tunnel("vpc-2", "198.51.100.71", "169.254.22.74", "169.254.22.73")
LAB_1 = tunnel("lab-1", "198.51.100.107", "169.254.123.6", "169.254.123.5")
LAB_2 = tunnel("lab-2", "198.51.100.171", "169.254.122.74", "169.254.122.73")
VPC = connection("vpc", [VPC_1, VPC_2])
LAB = connection("lab", [LAB_1, LAB_2], "    networks: [10.9.0.0/16]\n")
ONE = HEAD + VPC
TWO = HEAD + VPC + LAB


def key_of(tunnel: str) -> Secret:
    """Every tunnel's key, which says what it is."""
    return Secret(f"Fake.key.of.{tunnel.replace('-', '_')}")


def announce(box: Box) -> None:
    """Each connection's far ends announce what is theirs."""
    theirs = FarEnd(64512, 65010, {ip_network("10.9.4.0/24"): 0})
    box.far = {ip_address(text): theirs for text in ("169.254.123.5", "169.254.122.73")}


def settle_in(box: Box, text: str, names: Sequence[str] = ("vpc-1", "vpc-2", "lab-1", "lab-2")) -> None:
    """The intent and its secrets are on the machine; nothing is applied."""
    box.store.write_intent(text)
    for name in names:
        box.store.write_secret(name, key_of(name))


async def planned(box: Box, down: Down | None = None) -> Prepared:
    """What an apply would do now."""
    loaded = load_intent(box.systems)
    wish = await make_wish(box.systems, loaded.intent, resolve_secrets(box.systems, loaded.intent), down)
    return await prepare(box.systems, wish)


async def applied(box: Box, text: str | None = None) -> Report:
    """Bring the machine to the intent."""
    if text is not None:
        settle_in(box, text)
    prepared = await planned(box)
    return await apply(box.systems, prepared, load_intent(box.systems).text, "test", None)


async def settled(box: Box, text: str) -> None:
    """Applied, and what the far ends announce is learned."""
    await applied(box, text)
    await converge_once(box.systems)
