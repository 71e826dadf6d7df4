"""A site of any number of tunnels, for us as an intent and for the native tools as their own files."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from appliance.cli.rendering import render_all
from appliance.daemon.passes import load_intent, make_wish, resolve_secrets
from appliance.daemon.wiring import open_systems
from appliance.design.compose import compose
from appliance.history.revision import Down
from appliance.model.resources import (
    ROUTE_PROTOCOL,
    Blackhole,
    InsideAddress,
    Nexthop,
    Resource,
    SharedKey,
    Sysctl,
    XfrmLink,
)

CONFIG = Path("/etc/appliance")
LINKS_OWN = "net.ipv4.conf."
A_CONNECTION = 2  # tunnels, as a cloud gives them


@dataclass(frozen=True, slots=True)
class Native:
    """What the native tools are given, and the commands that load it, in the order in which it is safe."""

    folder: Path
    machine_wide: tuple[str, ...]

    def commands(self) -> dict[str, list[str]]:
        file = {path.name: str(path) for path in self.folder.iterdir()}
        return {
            "nft -f": ["nft", "-f", file["nft"]],
            "ip -batch": ["ip", "-batch", file["ip"]],
            "sysctl -p": ["sysctl", "-q", "-p", file["sysctl"]],
            "swanctl --load-all": ["swanctl", "--load-all", "--noprompt", "--file", file["swanctl"]],
            "vtysh -f": ["vtysh", "-f", file["frr"]],
        }


def write_site(tunnels: int, mode: str = "bgp") -> None:
    """Make this machine's intent one of so many tunnels; its keys beside it."""
    shutil.rmtree(CONFIG, ignore_errors=True)
    secrets = CONFIG / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    for number in range(tunnels):
        with open(os.open(secrets / f"t{number}.psk", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"not_a_key_but_a_fake_{number:04}\n")
    (CONFIG / "intent.yaml").write_text(site_text(tunnels, mode))


def site_text(tunnels: int, mode: str = "bgp", changed: int | None = None) -> str:
    """The intent. ``changed``: a tunnel with other inside addresses and another cipher, so that the kernel, FRR and
    charon all have something to change."""
    return "\n".join([*_head(), *_connections(tunnels, mode, changed), ""])


def _head() -> Iterator[str]:
    yield "version: 1"
    yield "site: {name: bench, asn: 65010, router-id: 192.0.2.1, networks: [192.0.2.0/24]}"
    yield "uplinks: [{name: isp1, interface: uplink, address: auto, gateway: auto}]"
    yield "connections:"


def _connections(tunnels: int, mode: str, changed: int | None) -> Iterator[str]:
    for number, first in enumerate(range(0, tunnels, A_CONNECTION)):
        yield f"  - name: c{number}"
        yield f"    id: vpn-{number:017x}"
        yield "    cloud: aws"
        yield f"    mode: {mode}"
        yield from ["    peer-asn: 64512"] if mode == "bgp" else []
        yield f"    networks: [10.{number // 256}.{number % 256}.0/24]"
        yield "    tunnels:"
        for tunnel in range(first, min(first + A_CONNECTION, tunnels)):
            yield from _tunnel(tunnel, is_changed=tunnel == changed)


def _tunnel(number: int, *, is_changed: bool) -> Iterator[str]:
    inside = f"169.254.{80 if is_changed else 10 + number // 60}"
    low = number % 60 * 4
    yield f"      - name: t{number}"
    yield "        uplink: isp1"
    yield f"        remote: {IPv4Address('198.18.0.1') + number}"
    yield f"        psk: {{file: secrets/t{number}.psk}}"
    yield f"        inside: {inside}.{low + 2}/30"
    yield f"        peer-inside: {inside}.{low + 1}"
    yield "        ike: {version: 2, proposals: [aes256-sha256-modp2048], lifetime: 28800}"
    esp = "aes128-sha256-modp2048" if is_changed else "aes256-sha256-modp2048"
    yield f"        esp: {{proposals: [{esp}], lifetime: 3600}}"


def write_native(folder: Path) -> Native:
    """The same resources as native files, from the intent in force and this machine's own facts."""
    systems = open_systems()
    intent = load_intent(systems).intent
    shutil.rmtree(folder, ignore_errors=True)
    wish = asyncio.run(make_wish(systems, intent, resolve_secrets(systems, intent), Down()))
    desired = compose(wish)
    texts = render_all(desired)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "nft").write_text(texts["nft"])
    (folder / "frr").write_text(texts["frr"])
    (folder / "swanctl").write_text(texts["swanctl"] + "\n".join(_secrets(desired)))
    (folder / "ip").write_text("\n".join([*_ip_lines(desired), ""]))
    settings = sorted((one for one in desired if isinstance(one, Sysctl)), key=lambda one: one.name)
    (folder / "sysctl").write_text("".join(f"{one.name} = {one.value}\n" for one in settings))
    return Native(folder, tuple(one.name for one in settings if one.machine_wide))


def _secrets(desired: Iterable[Resource]) -> Iterator[str]:
    """What `appliance render` never prints."""
    yield "secrets {"
    for key in sorted((one for one in desired if isinstance(one, SharedKey)), key=lambda one: one.id):
        assert key.secret is not None
        ids = (f'id-{number} = "{owner}"' for number, owner in enumerate(key.owners))
        yield f"ike-{key.id} {{"
        yield from (*ids, f'secret = "{key.secret.reveal()}"', "}")
    yield "}\n"


def _ip_lines(desired: Iterable[Resource]) -> list[str]:
    """One batch for ip(8): blackholes, links, addresses, nexthops."""
    lines: dict[type, list[str]] = {Blackhole: [], XfrmLink: [], InsideAddress: [], Nexthop: []}
    for one in sorted(desired, key=lambda one: one.key):
        match one:
            case Blackhole():
                text = f"route add blackhole {one.prefix} metric {one.metric} proto {ROUTE_PROTOCOL}"
            case XfrmLink():
                text = f"link add name {one.name} mtu {one.mtu} type xfrm if_id {one.if_id}\n"
                text += f"link set dev {one.name} alias {one.alias} up"
            case InsideAddress():
                text = f"addr add {one.address} dev {one.link}"
            case Nexthop():
                text = f"nexthop add id {one.id} dev {one.link} proto {ROUTE_PROTOCOL}"
            case _:
                continue
        lines[type(one)].append(text)
    return [line for kind in lines.values() for line in kind]
