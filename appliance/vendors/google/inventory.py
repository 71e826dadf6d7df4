"""Everything that documents say about tunnels and what they hang on, by kind: Google Cloud has no VPN connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from appliance.vendors.nodes import last_part, look, word
from appliance.vendors.tree import Node


@dataclass(slots=True)
class Inventory:
    """Resources as the Compute Engine API describes them. ``interfaces`` and ``peers`` come with their router's name;
    ``statuses`` are what a router says of its sessions while they run."""

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
        return [node for node in self.tunnels if last_part(node, "name") == tunnel]

    def sessions(self, tunnel: str) -> Iterator[tuple[Node | None, Node, str | None]]:
        """Interface, BGP peer and router of every session over the tunnel."""
        for router, interface in self.interfaces:
            if linked_tunnel(interface) == tunnel:
                for owner, peer in self.peers:
                    name = word(peer, "interfaceName") or word(peer, "interface")
                    if owner == router and name == word(interface, "name"):
                        yield interface, peer, router
        for status in self.statuses:
            if linked_tunnel(status) == tunnel:
                yield None, status, None


def linked_tunnel(node: Node) -> str | None:
    """The name of the tunnel that an interface or a session belongs to."""
    return last_part(node, "linkedVpnTunnel") or last_part(node, "vpnTunnel")


def named(nodes: list[Node], name: str | None) -> list[Node]:
    """Those of this name."""
    return [node for node in nodes if name is not None and last_part(node, "name") == name]


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
