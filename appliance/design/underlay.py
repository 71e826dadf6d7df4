"""What lies under a tunnel: which uplink it leaves by, from which address, and how large a packet may be there."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.design.wish import Wish
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Tunnel, Uplink
from appliance.model.machine import Interface


@dataclass(frozen=True, slots=True)
class Underlay:
    """``address`` is ours on the uplink (None: not known), ``public`` as the cloud sees us. ``nat``: the two differ, or
    nobody can tell, in which case the smaller packet is the safe choice. ``mtu`` in bytes."""

    link: str | None
    address: IPAddress | None
    public: IPAddress | None
    nat: bool
    mtu: int | None


def underlay_of(wish: Wish, tunnel: Tunnel) -> Underlay:
    """The underlay of one tunnel: its own uplink, or the only one, or wherever the default route leads."""
    uplink = choose_uplink(wish.intent.uplinks, tunnel)
    link = uplink.interface if uplink else default_link(wish, tunnel.remote.version)
    interface = wish.machine.interfaces.get(link) if wish.machine and link else None
    address = (uplink.address if uplink else None) or _address_on(interface, tunnel.remote.version)
    public = (uplink.public if uplink else None) or address
    nat = bool(tunnel.encap) or address is None or address != public
    return Underlay(link, address, public, nat, interface.mtu if interface else None)


def choose_uplink(uplinks: tuple[Uplink, ...], tunnel: Tunnel) -> Uplink | None:
    """The uplink the tunnel names, else the only one there is."""
    if tunnel.uplink is not None:
        return next((uplink for uplink in uplinks if uplink.name == tunnel.uplink), None)
    return uplinks[0] if len(uplinks) == 1 else None


def default_link(wish: Wish, family: int) -> str | None:
    """The interface of the best default route that is not a tunnel of ours."""
    routes = wish.machine.defaults if wish.machine else ()
    ours = {interface.name for interface in _interfaces(wish) if (interface.alias or "").startswith("appliance:")}
    return next((route.link for route in routes if route.family == family and route.link not in ours), None)


def uplink_links(wish: Wish) -> tuple[str, ...]:
    """Every interface that leads outside: those the intent names, and those the tunnels use."""
    named = {uplink.interface for uplink in wish.intent.uplinks}
    used = {underlay_of(wish, tunnel).link for _, tunnel in wish.tunnels}
    return tuple(sorted(link for link in named | used if link))


def uplink_networks(wish: Wish) -> tuple[IPNetwork, ...]:
    """The uplinks' own connected networks: a provider's gateway or resolver there is nobody's secret."""
    links = set(uplink_links(wish))
    found = {
        address.network
        for interface in _interfaces(wish)
        if interface.name in links
        for address in interface.addresses
        if address.network.prefixlen < address.network.max_prefixlen
    }
    return tuple(sorted(found, key=lambda network: (network.version, network)))


def _interfaces(wish: Wish) -> tuple[Interface, ...]:
    return tuple(wish.machine.interfaces.values()) if wish.machine else ()


def _address_on(interface: Interface | None, family: int) -> IPAddress | None:
    """The first global address of the interface, in the order the kernel prefers them."""
    addresses = interface.addresses if interface else ()
    return next((a.ip for a in addresses if a.version == family and not a.is_link_local and not a.is_loopback), None)
