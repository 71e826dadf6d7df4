"""Everything that documents say about tunnels and what they hang on, by kind: Google Cloud has no VPN connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from appliance.vendors.nodes import Said, grouped, last_part, look, said, word
from appliance.vendors.tree import Node

Session = tuple[Node | None, Node, str | None]
"""Interface, BGP peer and router."""


@dataclass
class Inventory:
    """Resources as the Compute Engine API describes them. ``interfaces`` and ``peers`` come with their router's name;
    ``statuses`` are what a router says of its sessions while they run. It is complete before it is asked
    anything."""

    tunnels: list[Node] = field(default_factory=list)
    gateways: list[Node] = field(default_factory=list)
    externals: list[Node] = field(default_factory=list)
    routers: list[Node] = field(default_factory=list)
    interfaces: list[tuple[str | None, Node]] = field(default_factory=list)
    peers: list[tuple[str | None, Node]] = field(default_factory=list)
    statuses: list[Node] = field(default_factory=list)

    def tunnel_names(self) -> list[str]:
        """Every tunnel that is described, or that a router's interface is linked to, in the documents' order."""
        found = [last_part(node, "name") for node in self.tunnels]
        found += [linked_tunnel(node) for _, node in self.interfaces]
        found += [linked_tunnel(node) for node in self.statuses]
        return list(dict.fromkeys(name for name in found if name))

    def described(self, tunnel: str) -> list[Node]:
        """What is said of the tunnel itself."""
        return self._tunnels.get(tunnel, [])

    def sessions(self, tunnel: str) -> list[Session]:
        """Every session over the tunnel."""
        return list(self._sessions.get(tunnel, {}).values())

    def named(self, kind: str, name: str | None) -> list[Node]:
        """Those of this name among the ``gateways``, ``externals`` or ``routers``."""
        return self._others[kind].get(name, []) if name is not None else []

    @cached_property
    def _tunnels(self) -> Mapping[str | None, list[Node]]:
        return grouped(self.tunnels, _name)

    @cached_property
    def _others(self) -> Mapping[str, Mapping[str | None, list[Node]]]:
        return {kind: grouped(getattr(self, kind), _name) for kind in ("gateways", "externals", "routers")}

    @cached_property
    def _sessions(self) -> Mapping[str | None, dict[tuple[Said, Said, str | None], Session]]:
        """By tunnel; what several answers repeat is there once."""
        peers: dict[tuple[str | None, str | None], dict[Said, Node]] = {}
        for owner, peer in self.peers:
            name = word(peer, "interfaceName") or word(peer, "interface")
            peers.setdefault((owner, name), {}).setdefault(said(peer), peer)
        found: dict[str | None, dict[tuple[Said, Said, str | None], Session]] = {}
        for router, interface in self.interfaces:
            own = found.setdefault(linked_tunnel(interface), {})
            for words, peer in peers.get((router, word(interface, "name")), {}).items():
                own.setdefault((said(interface), words, router), (interface, peer, router))
        for status in self.statuses:
            found.setdefault(linked_tunnel(status), {}).setdefault((None, said(status), None), (None, status, None))
        return found


def _name(node: Node) -> str | None:
    return last_part(node, "name")


def linked_tunnel(node: Node) -> str | None:
    """The name of the tunnel that an interface or a session belongs to."""
    return last_part(node, "linkedVpnTunnel") or last_part(node, "vpnTunnel")


def interface_of(gateways: list[Node], number: str | None, *lists: str) -> Node | None:
    """The address of the gateway's interface of this number; without one, of the only one."""
    for gateway in gateways:
        for name in lists:
            found = gateway.find(name)
            items = found.items() if found else []
            for item in items:
                if word(item, "id") == number or (number is None and len(items) == 1):
                    return look(item, "ipAddress") or look(item, "ipv6Address")
    return None
