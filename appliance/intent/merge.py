"""A connection that was read from a document, and what the command line adds, as part of the box's intent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from appliance.intent.crypto import recommended
from appliance.model.address import IPAddress, IPNetwork
from appliance.model.document import Missing
from appliance.model.fault import WrongUsage
from appliance.model.intent import Connection, Intent, SecretRef, Site, Tunnel, Uplink
from appliance.model.machine import Interface, Machine
from appliance.profiles import PROFILES


@dataclass(frozen=True, slots=True)
class Said:
    """What the command line says beside the document. ``keys`` names the tunnels whose key it gives."""

    name: str | None = None
    speaker: str | None = None
    prefer: str | None = None
    asn: int | None = None
    peer_asn: int | None = None
    lans: tuple[IPNetwork, ...] = ()
    networks: tuple[IPNetwork, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    keys: frozenset[str] = frozenset()
    strengthen: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """The new intent, the connection in it, how each tunnel's name in the document became its name here, and what is
    still owed."""

    intent: Intent
    connection: Connection
    names: Mapping[str, str]
    missing: tuple[Missing, ...]


def merge(intent: Intent | None, read: Connection, publics: tuple[IPAddress | None, ...], said: Said,
          machine: Machine, host: str) -> Merged:  # fmt: skip
    """Add the connection, or bring the one with the same id up to date; never touch another. ``publics``: by tunnel,
    our address as the document has it. WrongUsage when another connection has the name."""
    site = _site(intent, read, said, host)
    uplinks = _uplinks(intent, said, publics, machine)
    known = _known(intent, read)
    _refuse_taken_name(intent, read, known)
    renamed = _tunnel_names(read, known)
    said = replace(said, keys=frozenset(own_name(name, renamed) for name in said.keys))
    tunnels = tuple(
        _tunnel(new, known, renamed[new.name], _uplink_name(uplinks, public), said)
        for new, public in zip(read.tunnels, publics, strict=True)
    )
    own = said.asn or read.asn or (known.asn if known else None)
    connection = replace(
        known or read,
        speaker=said.speaker or (known.speaker if known else "frr"),
        mode=read.mode,
        tunnels=_strengthened(read.cloud, tunnels) if said.strengthen else tunnels,
        asn=own if own != site.asn else None,
        peer_asn=said.peer_asn or read.peer_asn or (known.peer_asn if known else None),
        networks=said.networks or read.networks or (known.networks if known else ()),
        bgp=replace(known.bgp if known else read.bgp, timers=read.bgp.timers or (known.bgp.timers if known else None)),
        prefer=_preference(read, known, said),
    )
    others = tuple(c for c in (intent.connections if intent else ()) if c.name != connection.name)
    if connection.mode == "bgp":
        site = replace(site, router_id=site.router_id or _router_id(site, uplinks, machine))
    base = intent or Intent(site)
    merged = replace(base, site=site, uplinks=uplinks, connections=(*others, connection))
    return Merged(merged, connection, renamed, _owed(merged, connection))


def _site(intent: Intent | None, read: Connection, said: Said, host: str) -> Site:
    site = intent.site if intent else Site(host)
    lans = tuple(dict.fromkeys((*site.networks, *said.lans)))
    return replace(site, asn=site.asn or said.asn or read.asn, networks=lans)


def _preference(read: Connection, known: Connection | None, said: Said) -> str | None:
    """What was said, now or before; what the mode implies is not written down."""
    kept = known.prefer if known and known.mode == read.mode else read.prefer
    chosen = said.prefer or kept
    return chosen if chosen != replace(read, prefer=None).preference else None


def _known(intent: Intent | None, read: Connection) -> Connection | None:
    """The connection to bring up to date: the same cloud's id, or where there is none, the same name."""
    there = intent.connections if intent else ()
    by_id = next((c for c in there if read.id is not None and c.id == read.id), None)
    return by_id or next((c for c in there if c.name == read.name and (c.id is None or read.id is None)), None)


def own_name(name: str, renamed: Mapping[str, str]) -> str:
    """A tunnel's name here, from that or from the one it has in the document; ours goes first."""
    return name if name in renamed.values() else renamed.get(name, name)


def _refuse_taken_name(intent: Intent | None, read: Connection, known: Connection | None) -> None:
    """Two connections of one name would be one: the other one's tunnels would go."""
    taken = next((c for c in (intent.connections if intent else ()) if c.name == read.name), None)
    if known is None and taken is not None:
        message = f"{read.name} is another connection already ({taken.cloud} {taken.id})"
        raise WrongUsage(message, hint="choose another --name; or `appliance connection remove` the old one first")


def _tunnel_names(read: Connection, known: Connection | None) -> dict[str, str]:
    """By its name in the document, each tunnel's name here. A tunnel is the same when it goes to the same outside
    address, for documents swap their order; one that goes to a new address takes a name that became free."""
    names = {tunnel.remote: tunnel.name for tunnel in known.tunnels} if known else {}
    kept = {new.name: names[new.remote] for new in read.tunnels if new.remote in names}
    pool = dict.fromkeys((*names.values(), *(new.name for new in read.tunnels)))
    free = iter([name for name in pool if name not in kept.values()])
    return {new.name: kept.get(new.name) or (next(free) if known else new.name) for new in read.tunnels}


def _tunnel(new: Tunnel, known: Connection | None, name: str, uplink: str | None, said: Said) -> Tunnel:
    """What the document says, with what the operator had set for this tunnel before."""
    old = next((t for t in known.tunnels if t.remote == new.remote), None) if known else None
    key = SecretRef("file", f"secrets/{name}.psk")
    given = new.psk is not None or name in said.keys
    psk = key if given else (old.psk if old else None)
    if old is None:
        return replace(new, name=name, psk=psk, uplink=uplink)
    kept = {
        field: getattr(old, field)
        for field in ("if_id", "interface", "mtu", "mss", "metric", "encap", "weight", "announce", "peer_asn")
    }
    return replace(new, name=name, psk=psk, uplink=uplink or old.uplink, **kept)


def _strengthened(cloud: str, tunnels: tuple[Tunnel, ...]) -> tuple[Tunnel, ...]:
    ike, esp = recommended(PROFILES[cloud])
    dpd = tuple(replace(tunnel.dpd, timeout=tunnel.dpd.timeout if ike.version == 1 else None) for tunnel in tunnels)
    return tuple(replace(tunnel, ike=ike, esp=esp, dpd=own) for tunnel, own in zip(tunnels, dpd, strict=True))


def _uplinks(
    intent: Intent | None, said: Said, publics: tuple[IPAddress | None, ...], machine: Machine
) -> tuple[Uplink, ...]:
    """The uplinks known and given; without any, the one the default route leads to. The only uplink there is gets the
    public address from the document when it is not its own: the box is behind NAT then."""
    known = {uplink.name: uplink for uplink in (intent.uplinks if intent else ())}
    uplinks = {**known, **{uplink.name: uplink for uplink in said.uplinks}}
    if not uplinks:
        link = next((route.link for route in machine.defaults if route.family == 4), None)
        uplinks = {link: Uplink(link, link)} if link else {}
    public = {address for address in publics if address is not None}
    if len(uplinks) == 1 and len(public) == 1:
        (only,) = uplinks.values()
        (address,) = public
        if only.public is None and address not in _own(machine.interfaces.get(only.interface)):
            return (replace(only, public=address),)
    return tuple(uplinks.values())


def _own(interface: Interface | None) -> set[IPAddress]:
    return {address.ip for address in interface.addresses} if interface else set()


def _uplink_name(uplinks: tuple[Uplink, ...], public: IPAddress | None) -> str | None:
    """The uplink that the cloud knows by this address; the only one needs no name."""
    if len(uplinks) < 2:
        return None
    return next((u.name for u in uplinks if public is not None and public in (u.public, u.address)), None)


def _router_id(site: Site, uplinks: tuple[Uplink, ...], machine: Machine) -> IPv4Address | None:
    """An address of ours in the LAN, else on an uplink; written into the intent, so that it never moves by itself."""
    ours = [a.ip for i in machine.interfaces.values() for a in i.addresses if isinstance(a.ip, IPv4Address)]
    in_lan = [ip for ip in ours if any(ip.version == n.version and ip in n for n in site.networks)]
    links = {uplink.interface for uplink in uplinks}
    outside = [a.ip for i in machine.interfaces.values() if i.name in links for a in i.addresses]
    return next((ip for ip in (*sorted(in_lan), *outside) if isinstance(ip, IPv4Address)), None)


def _owed(intent: Intent, connection: Connection) -> tuple[Missing, ...]:
    """What neither document, intent nor command line says and this mode cannot do without."""
    index = intent.connections.index(connection)
    key = f"connections[{index}]"
    owed = _owed_to_bgp(intent, connection, key) if connection.mode == "bgp" else _owed_to_routes(connection, key)
    if not intent.site.networks:
        why = "there is nothing to announce" if connection.mode == "bgp" else "nothing says whose traffic goes there"
        owed.append(Missing("site.networks", connection.mode, why, "--lan CIDR"))
    if not intent.uplinks:
        why = "no default route shows where the Internet is"
        owed.append(Missing("uplinks", "ipsec", why, "--uplink isp1=INTERFACE"))
    for number, tunnel in enumerate(connection.tunnels):
        place = f"{key}.tunnels[{number}]"
        if tunnel.psk is None:
            hint = f"--psk {tunnel.name}=file:PATH"
            owed.append(Missing(f"{place}.psk", "ipsec", f"no key for {tunnel.name}", hint))
        if tunnel.uplink is None and len(intent.uplinks) > 1:
            why = f"no uplink has the public address that the cloud expects of {tunnel.name}"
            owed.append(Missing(f"{place}.uplink", "ipsec", why, "--uplink NAME=INTERFACE,public=ADDRESS"))
    return tuple(owed)


def _owed_to_bgp(intent: Intent, connection: Connection, key: str) -> list[Missing]:
    owed = []
    if intent.site.asn is None and connection.asn is None:
        owed.append(Missing("site.asn", "bgp", "nothing names our own ASN", "--asn ASN"))
    if connection.peer_asn is None and any(tunnel.peer_asn is None for tunnel in connection.tunnels):
        owed.append(Missing(f"{key}.peer-asn", "bgp", "nothing names the cloud's ASN", "--peer-asn ASN"))
    return owed


def _owed_to_routes(connection: Connection, key: str) -> list[Missing]:
    why = "without BGP nobody tells what is behind the cloud"
    return [] if connection.networks else [Missing(f"{key}.networks", "static", why, "--network CIDR")]
