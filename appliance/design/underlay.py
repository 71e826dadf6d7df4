"""What lies under a tunnel: which uplink it leaves by, from which address, and how large a packet may be there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from appliance.design.drawing import recall, recall_each, surroundings
from appliance.design.wish import Wish
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.intent import Connection, Tunnel, Uplink
from appliance.model.machine import Interface


@dataclass(frozen=True, slots=True)
class Underlay:
    """``address`` is ours on the uplink (None: not known), ``public`` as the cloud sees us. ``nat``: the two differ, or
    nobody can tell, in which case the smaller packet is the safe choice. ``mtu`` in bytes. ``way``: how the far end is
    reached on that link; None: not known. ``uplink`` is its name in the intent."""

    link: str | None
    address: IPAddress | None
    public: IPAddress | None
    nat: bool
    mtu: int | None
    way: Way | None = None
    uplink: str | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """By a gateway, or, where that is None, straight out of the link: a neighbour's, or a point-to-point line."""

    gateway: IPAddress | None


def underlay_of(wish: Wish, tunnel: Tunnel) -> Underlay:
    """The underlay of one tunnel: its own uplink, or the only one, or wherever the default route leads."""
    return recall(wish, "underlay", tunnel, surroundings(wish), partial(_find_underlay, wish, tunnel))


def _find_underlay(wish: Wish, tunnel: Tunnel) -> Underlay:
    family = tunnel.remote.version
    uplink = choose_uplink(wish.intent.uplinks, tunnel)
    link = uplink.interface if uplink else default_link(wish, family)
    interface = wish.machine.interfaces.get(link) if wish.machine and link else None
    stated = _of(family, uplink.address) if uplink else None
    address = stated or _address_on(interface, family)
    public = (_of(family, uplink.public) if uplink else None) or address
    nat = bool(tunnel.encap) or address is None or address != public
    way = _way(wish, uplink, interface, address, tunnel.remote)
    name = uplink.name if uplink else None
    return Underlay(link, address, public, nat, interface.mtu if interface else None, way, name)


def lack_of(wish: Wish, tunnel: Tunnel) -> str | None:
    """What is not there for the tunnel to leave the box; None when it can, and offline, where nobody knows."""
    machine, under = wish.machine, underlay_of(wish, tunnel)
    if machine is None:
        return None
    family = f"IPv{tunnel.remote.version}"
    if under.link is None:
        return f"no uplink is known: the intent names none, and there is no {family} default route"
    interface = machine.interfaces.get(under.link)
    if interface is None:
        return f"there is no interface {under.link}"
    if under.address is None:
        return f"{under.link} has no {family} address"
    if under.address not in {address.ip for address in interface.addresses}:
        return f"{under.link} does not have the address {under.address}"
    if under.way is None and len(wish.intent.uplinks) > 1:
        return f"no gateway is known on {under.link}"
    if under.way is not None and under.way.gateway is not None and not _is_neighbor(wish, interface, under.way.gateway):
        return f"the gateway {under.way.gateway} is in no network of {under.link}: nobody there would answer for it"
    return None


def _is_neighbor(wish: Wish, interface: Interface, gateway: IPAddress) -> bool:
    """Whether the gateway can be resolved on this link: in one of its networks, or used there already (clouds give
    machines an address without a network)."""
    used = (route.gateway for route in (wish.machine.defaults if wish.machine else ()) if route.link == interface.name)
    return gateway.is_link_local or gateway in used or any(gateway in one.network for one in interface.addresses)


def _way(
    wish: Wish, uplink: Uplink | None, interface: Interface | None, ours: IPAddress | None, remote: IPAddress
) -> Way | None:
    """Stated in the intent, else what the machine shows: the far end is a neighbour, or the link's default route; of
    several that by a gateway in the network of our address."""
    if uplink is not None and (stated := _of(remote.version, uplink.gateway)):
        return Way(stated)
    if interface is None:
        return None
    if any(remote in address.network for address in interface.addresses if address.version == remote.version):
        return Way(None)
    near = {address.network for address in interface.addresses if address.ip == ours}
    routes = wish.machine.defaults if wish.machine else ()
    found = [r.gateway for r in routes if r.link == interface.name and r.family == remote.version]
    beside = [gateway for gateway in found if gateway is not None and any(gateway in network for network in near)]
    return next((Way(gateway) for gateway in (*beside, *found)), None)


def _of(family: int, address: IPAddress | None) -> IPAddress | None:
    return address if address is not None and address.version == family else None


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
    named: set[str | None] = {uplink.interface for uplink in wish.intent.uplinks}
    if "uplink links" not in wish.memory:
        used = recall_each(wish, "links used", wish.connections, surroundings(wish), partial(_links_under, wish))
        wish.memory["uplink links"] = tuple(sorted(link for link in named.union(*used) if link))
    found: tuple[str, ...] = wish.memory["uplink links"]
    return found


def _links_under(wish: Wish, connection: Connection) -> frozenset[str | None]:
    return frozenset(underlay_of(wish, tunnel).link for tunnel in connection.tunnels)


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
