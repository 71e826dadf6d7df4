"""A plan that should not be carried out says so, with the rule's name and the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.change import Change
from appliance.model.filtering import ManagementGuard
from appliance.model.machine import Machine
from appliance.model.resources import Blackhole, FirewallTable, Resource, XfrmLink

CUT_MANAGEMENT = "cut-management"
REMOVE_ALL_TUNNELS = "remove-all-tunnels"


@dataclass(frozen=True, slots=True)
class Objection:
    """A rule that a plan breaks; ``--allow RULE`` overrides it."""

    rule: str
    message: str
    hint: str


def object_to(
    changes: Sequence[Change],
    machine: Machine,
    administrators: Iterable[IPAddress | IPNetwork],
    desired: Iterable[Resource] = (),
    closed: Collection[str] = (),
    guard: ManagementGuard | None = None,
) -> tuple[Objection, ...]:
    """Every rule the plan breaks. ``administrators``: from where this box is managed, as far as known; ``desired``:
    what stands after the plan; ``closed``: interfaces by which nobody gets in once the filter stands, or ``guard``:
    who gets in, and nobody else does."""
    stays, known = any(isinstance(resource, XfrmLink) for resource in desired), tuple(administrators)
    cut = (*_cut_management(changes, machine, known), *_shut_out(changes, machine, known, closed, guard))
    return (*cut, *(() if stays else _remove_all(changes)))


def _cut_management(
    changes: Sequence[Change], machine: Machine, administrators: Iterable[IPAddress | IPNetwork]
) -> list[Objection]:
    """A protected prefix that holds the administrator's own address sends the answers into the tunnel."""
    connected = {a.network for interface in machine.interfaces.values() for a in interface.addresses}
    new = [change.new.prefix for change in changes if change.old is None and isinstance(change.new, Blackhole)]
    found = []
    for who in administrators:
        caught = [prefix for prefix in new if _holds(prefix, who)]
        if caught and not _nearer(who, caught, connected):
            words = ", ".join(str(prefix) for prefix in caught)
            found.append(
                Objection(
                    CUT_MANAGEMENT,
                    f"you manage this machine from {who}, which {words} would send into the tunnels",
                    f"give the management network a more specific route first, or use --allow {CUT_MANAGEMENT}",
                )
            )
    return found


def _shut_out(
    changes: Sequence[Change],
    machine: Machine,
    administrators: Iterable[IPAddress | IPNetwork],
    closed: Collection[str],
    guard: ManagementGuard | None,
) -> list[Objection]:
    """A new filter takes nothing but IKE and ESP from an uplink, and one that names administrators lets in no others:
    who administers the box otherwise would be out."""
    tables = [change for change in changes if isinstance(change.new, FirewallTable)]
    judged = any(change.old is None or guard is not None for change in tables)
    found = []
    for who in administrators if judged else ():
        link = _reached_by(who, machine)
        if guard is not None and not _lets_in(guard, link, who):
            message = f"you manage this machine from {who} by {link}, which management does not let in"
            hint = f"name it there (from, interfaces, ssh), or use --allow {CUT_MANAGEMENT}"
            found.append(Objection(CUT_MANAGEMENT, message, hint))
        elif guard is None and link in closed:
            message = f"you manage this machine from {who} by {link}, an uplink, where only IKE and ESP get in then"
            hint = f"come in by another interface first, name it under management, or use --allow {CUT_MANAGEMENT}"
            found.append(Objection(CUT_MANAGEMENT, message, hint))
    return found


def _lets_in(guard: ManagementGuard, link: str | None, who: IPAddress | IPNetwork) -> bool:
    if who in guard.sources:  # named there: nobody here knows by which interface it comes
        return bool(guard.ports)
    known = not guard.interfaces or link in guard.interfaces
    return bool(guard.ports) and known and (not guard.sources or any(_holds(net, who) for net in guard.sources))


def _reached_by(who: IPAddress | IPNetwork, machine: Machine) -> str | None:
    """The interface that has the administrator's network, else that of the default route."""
    family = ip_network(who).version
    near = (i.name for i in machine.interfaces.values() if any(_holds(a.network, who) for a in i.addresses))
    far = (route.link for route in machine.defaults if route.family == family)
    return next(near, None) or next(far, None)


def _remove_all(changes: Sequence[Change]) -> list[Objection]:
    gone = [c for c in changes if c.new is None and isinstance(c.old, XfrmLink)]
    kept = [c for c in changes if c.new is not None and isinstance(c.new, XfrmLink)]
    if len(gone) < 2 or kept:
        return []
    names = ", ".join(change.resource.key.removeprefix("xfrm-link ") for change in gone)
    message = f"{len(gone)} tunnels would go ({names}) and none would come"
    hint = f"`appliance down` is the word for taking everything down; or use --allow {REMOVE_ALL_TUNNELS}"
    return [Objection(REMOVE_ALL_TUNNELS, message, hint)]


def _holds(prefix: IPNetwork, who: IPAddress | IPNetwork) -> bool:
    network = ip_network(who)
    if isinstance(network, IPv4Network) and isinstance(prefix, IPv4Network):
        return network.subnet_of(prefix)
    return isinstance(network, IPv6Network) and isinstance(prefix, IPv6Network) and network.subnet_of(prefix)


def _nearer(who: IPAddress | IPNetwork, caught: Sequence[IPNetwork], connected: Collection[IPNetwork]) -> bool:
    """Whether a connected network leads back to the administrator, more specific than every prefix that caught it."""
    longest = max(prefix.prefixlen for prefix in caught)
    return any(_holds(network, who) and network.prefixlen > longest for network in connected)
