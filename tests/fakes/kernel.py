"""A kernel in memory, behind the same door: it keeps state, refuses what Linux refuses and drops what Linux drops."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from errno import EEXIST, EHOSTUNREACH, EINVAL, ENETDOWN, ENOENT
from ipaddress import ip_network

from appliance.kernel.changes import outcome
from appliance.kernel.links import KIND_XFRM, Clash, LinkFacts, find_clashes, own_link
from appliance.model.address import IPInterface, IPNetwork
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure, SystemLacks
from appliance.model.forwarding import ForwardingRoute, LinkCounters, Via
from appliance.model.machine import DefaultRoute, Interface, Machine
from appliance.model.resources import (
    LEARNED_PROTOCOL,
    OWN_NEXTHOPS,
    ROUTE_PROTOCOL,
    Blackhole,
    Detour,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    XfrmLink,
    XfrmPolicy,
)
from tests.fakes.tables import Held, Refusal

PROTOCOL_KERNEL = 2
MAIN_TABLE = 254
IPV6_LEAST_MTU = 1280


class FakeKernel:
    """``lacking`` is what :meth:`lacks` answers; ``writes`` counts the changes that were carried out."""

    owns = (XfrmLink, InsideAddress, Blackhole, Nexthop, NexthopGroup, Route, Rule, XfrmPolicy, Detour)

    def __init__(self) -> None:
        self.lacking: tuple[SystemLacks, ...] = ()
        self.writes = 0
        self._index = 1
        self._links = {"lo": LinkFacts(1, "lo", 65536, True)}
        self._addresses: dict[tuple[str, IPInterface], int] = {}
        self._nexthops: dict[int, Held] = {}
        self._routes: dict[tuple[IPNetwork, int, int], Held] = {}
        self._rules: set[Held] = set()
        self._policies: dict[str, XfrmPolicy] = {}
        self._detours: dict[str, Detour] = {}
        self.redirects = True
        self.rehearsed = 0
        self._watchers: list[Callable[[str], None]] = []

    # The door

    @contextmanager
    def watch(self, tell: Callable[[str], None]) -> Iterator[None]:
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    async def observe(self) -> frozenset[Resource]:
        links = (own_link(facts) for facts in self._links.values())
        held = (*self._nexthops.values(), *self._routes.values(), *self._rules)
        addresses = (
            InsideAddress(link, address)
            for (link, address), protocol in self._addresses.items()
            if protocol == ROUTE_PROTOCOL or self._links[link].is_ours
        )
        ours = (entry.resource for entry in held if entry.protocol == ROUTE_PROTOCOL)
        everything = frozenset((*addresses, *ours, *self._policies.values(), *self._detours.values()))
        return frozenset(link for link in links if link is not None) | everything

    async def learned(self) -> frozenset[Resource]:
        held = (*self._nexthops.values(), *self._routes.values())
        return frozenset(entry.resource for entry in held if entry.protocol == LEARNED_PROTOCOL)

    async def apply(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        return tuple(map(self._try, changes))

    async def machine(self) -> Machine:
        interfaces = {
            link.name: Interface(
                link.name,
                link.mtu,
                link.up,
                tuple(address for name, address in self._addresses if name == link.name),
                link.kind,
                link.alias,
            )
            for link in self._links.values()
        }
        defaults = (
            DefaultRoute(via.link, via.gateway, metric, prefix.version)
            for (prefix, table, metric), held in self._routes.items()
            if prefix.prefixlen == 0 and table == MAIN_TABLE and isinstance(held.resource, Route)
            for via in self._vias(held.resource)
        )
        return Machine(
            interfaces, tuple(sorted(defaults, key=lambda route: route.metric)), "6.12.0-fake", self.redirects
        )

    async def rehearse(self, names: Collection[str]) -> bool:
        self.rehearsed += (found := any(name in self._links and self._links[name].is_ours for name in names))
        return found

    async def counters(self) -> Mapping[str, LinkCounters]:
        return {link.name: LinkCounters(link.received, link.sent) for link in self._links.values()}

    async def forwarding(self, links: Collection[str]) -> tuple[ForwardingRoute, ...]:
        return tuple(route for route in self._main_table() if any(via.link in links for via in route.vias))

    async def clashes(self, links: Iterable[XfrmLink]) -> tuple[Clash, ...]:
        return find_clashes(links, self._links.values())

    async def lacks(self) -> tuple[SystemLacks, ...]:
        return self.lacking

    @property
    def links(self) -> Mapping[str, LinkFacts]:
        """Every link that there is, by name."""
        return self._links

    # What others do to the machine

    def add_foreign_link(self, name: str, *, kind: str = "veth", if_id: int | None = None, mtu: int = 1500) -> None:
        self._index += 1
        self._links[name] = LinkFacts(self._index, name, mtu, True, kind, if_id=if_id)

    def add_foreign_address(self, link: str, address: IPInterface) -> None:
        self._addresses[link, address] = 0

    def drop_foreign_addresses(self, link: str) -> None:
        """Others' addresses on a link go, as at the end of a lease."""
        for place in [place for place, protocol in self._addresses.items() if place[0] == link and not protocol]:
            del self._addresses[place]
        self._tell()

    def add_foreign_route(self, route: Route | Blackhole, protocol: int) -> None:
        self._routes[route.prefix, route.table, route.metric] = Held(route, protocol)

    def add_foreign_nexthop(self, nexthop: Nexthop | NexthopGroup, protocol: int) -> None:
        self._nexthops[nexthop.id] = Held(nexthop, protocol)

    def withdraw(self, protocol: int) -> None:
        """Somebody else takes back all routes and nexthops of its own."""
        self._routes = {key: held for key, held in self._routes.items() if held.protocol != protocol}
        self._nexthops = {id: held for id, held in self._nexthops.items() if held.protocol != protocol}

    @property
    def detours(self) -> dict[str, str]:
        """Which link leads to which."""
        return {one.link: one.via for one in self._detours.values()}

    def take_away(self, resource: Resource) -> None:
        """A stranger removes something of ours."""
        self._do(Change(resource, None))
        self._tell()

    def set_down(self, link: str) -> None:
        self._links[link] = replace(self._links[link], up=False)
        self._drop_paths(link)
        for name, address in tuple(self._addresses):
            if name == link and address.version == 6:
                del self._addresses[name, address]
        self._tell()

    def delete_link(self, link: str) -> None:
        self._drop_paths(link)
        self._addresses = {key: value for key, value in self._addresses.items() if key[0] != link}
        del self._links[link]
        self._detours = {
            one.key: replace(one, via="") if one.via == link else one
            for one in self._detours.values()
            if one.link != link
        }
        self._tell()

    def count(self, link: str, received: int, sent: int) -> None:
        was = self._links[link]
        self._links[link] = replace(was, received=was.received + received, sent=was.sent + sent)

    # One change

    def _try(self, change: Change) -> Outcome:
        try:
            self._do(change)
        except Refusal as refusal:
            return outcome(change, refusal.ack)
        except SystemFailure as failure:
            return Outcome(change, failure.message, failure.retry)
        self.writes += 1
        self._tell()
        return Outcome(change)

    def _tell(self, kind: str = "network") -> None:
        for tell in self._watchers:
            tell(kind)

    def _do(self, change: Change) -> None:
        match change.new if change.new is not None else change.old:
            case XfrmLink() as link:
                self._put_link(link, change.old) if change.new else self._remove_link(link)
            case InsideAddress() as inside:
                self._put_address(inside) if change.new else self._addresses.pop((inside.link, inside.address), None)
            case (Nexthop() | NexthopGroup()) as nexthop:
                self._put_nexthop(nexthop, change.old) if change.new else self._remove_nexthop(nexthop.id)
            case (Route() | Blackhole()) as route:
                self._change_route(change.old, change.new, route)
            case Rule():
                self._change_rule(change.old, change.new)
            case Detour() as detour:
                self._put_detour(detour) if change.new else self._detours.pop(detour.key, None)
            case XfrmPolicy() as policy:
                self._policies.pop(policy.key, None)
                self._policies |= {policy.key: policy} if change.new else {}

    def _present(self, name: str) -> LinkFacts:
        if name not in self._links:
            raise SystemFailure(f"there is no interface {name}", retry=True)
        return self._links[name]

    def _put_link(self, link: XfrmLink, old: Resource | None) -> None:
        if old is None and link.name in self._links:
            raise Refusal(EEXIST, "File exists")
        was = LinkFacts(self._index + 1, link.name, 0, False, KIND_XFRM, link.alias) if old is None else None
        was = was or self._own(link.name)
        others = [facts for facts in self._links.values() if facts.kind == KIND_XFRM and facts.name != link.name]
        if any(facts.if_id == link.if_id for facts in others):
            raise Refusal(EEXIST, "File exists")
        if link.if_id == 0:
            raise Refusal(EINVAL, "if_id must be non zero")
        if not 68 <= link.mtu <= 65535:
            raise Refusal(
                EINVAL, "mtu less than device minimum" if link.mtu < 68 else "mtu greater than device maximum"
            )
        self._index = max(self._index, was.index)
        self._links[link.name] = replace(was, mtu=link.mtu, alias=link.alias, if_id=link.if_id, up=True)
        if link.mtu < IPV6_LEAST_MTU:
            self._addresses = {k: v for k, v in self._addresses.items() if k[0] != link.name or k[1].version == 4}

    def _own(self, name: str) -> LinkFacts:
        facts = self._present(name)
        if not facts.is_ours:
            raise SystemFailure(f"interface {name} is not ours")
        return facts

    def _remove_link(self, link: XfrmLink) -> None:
        if link.name in self._links:
            self.delete_link(self._own(link.name).name)

    def _put_detour(self, detour: Detour) -> None:
        for name in (detour.link, detour.via):
            self._present(name)
        if not self.redirects:
            raise Refusal(ENOENT, "Failed to load TC action module")
        self._detours[detour.key] = replace(detour, stays=())

    def _put_address(self, inside: InsideAddress) -> None:
        link = self._present(inside.link)
        held = [address for name, address in self._addresses if name == inside.link]
        if inside.address in held or (inside.address.version == 6 and inside.address.ip in {one.ip for one in held}):
            raise Refusal(EEXIST, f"ipv{inside.address.version}: address already assigned")
        if inside.address.version == 6 and link.mtu < IPV6_LEAST_MTU:
            raise Refusal(EINVAL, "Invalid argument")
        self._addresses[inside.link, inside.address] = ROUTE_PROTOCOL

    def _put_nexthop(self, nexthop: Nexthop | NexthopGroup, old: Resource | None) -> None:
        standing = self._nexthops.get(nexthop.id)
        if old is None and standing is not None and nexthop.id not in OWN_NEXTHOPS:
            raise Refusal(EEXIST, "File exists")
        if standing is not None and type(standing.resource) is not type(nexthop):
            raise Refusal(EINVAL, "Can not replace one kind of nexthop with another")
        if isinstance(nexthop, NexthopGroup):
            self._judge_members([id for id, _ in nexthop.members])
        elif nexthop.link is not None:
            self._judge_path(nexthop.link, nexthop.gateway)
        self._nexthops[nexthop.id] = Held(nexthop, nexthop.protocol)

    def _judge_members(self, ids: Sequence[int]) -> None:
        if len(set(ids)) < len(ids):
            raise Refusal(EINVAL, "Nexthop id can not be used twice in a group")
        for id in ids:
            if id not in self._nexthops:
                raise Refusal(EINVAL, "Invalid nexthop id")
            member = self._nexthops[id].resource
            if isinstance(member, NexthopGroup):
                raise Refusal(EINVAL, "Hash-threshold group can not be a nexthop within a group")
            if isinstance(member, Nexthop) and member.link is None and len(ids) > 1:
                raise Refusal(EINVAL, "Blackhole nexthop can not be used in a group with more than 1 path")

    def _judge_path(self, link: str, gateway: object) -> None:
        if not self._present(link).up:
            raise Refusal(ENETDOWN, "Nexthop device is not up")
        networks = [address.network for name, address in self._addresses if name == link]
        if gateway is not None and not any(gateway in network for network in networks):
            raise Refusal(EHOSTUNREACH, "Nexthop has invalid gateway")

    def _remove_nexthop(self, id: int) -> None:
        self._nexthops.pop(id, None)
        self._routes = {k: held for k, held in self._routes.items() if getattr(held.resource, "nexthop", None) != id}
        for group in tuple(self._nexthops.values()):
            if isinstance(group.resource, NexthopGroup):
                left = tuple(member for member in group.resource.members if member[0] != id)
                self._nexthops[group.resource.id] = replace(group, resource=replace(group.resource, members=left))
                if not left:
                    self._remove_nexthop(group.resource.id)

    def _change_route(self, old: object, new: object, route: Route | Blackhole) -> None:
        if isinstance(new, Route | Blackhole):
            self._put_route(new, may_stand=old is not None)
        if isinstance(old, Route | Blackhole) and (new is None or old.metric != route.metric):
            key = (old.prefix, old.table, old.metric)
            if key in self._routes and self._routes[key].protocol == _writer(old):
                del self._routes[key]

    def _put_route(self, route: Route | Blackhole, *, may_stand: bool) -> None:
        if route.prefix.version == 6 and route.metric == 0:
            raise SystemFailure(f"{route.prefix}: an IPv6 route needs a metric")
        if isinstance(route, Route):
            self._judge_ways_out(route)
        key = (route.prefix, route.table, route.metric)
        if key in self._routes and not may_stand:
            raise Refusal(EEXIST, "File exists")
        self._routes[key] = Held(route, _writer(route))

    def _judge_ways_out(self, route: Route) -> None:
        if route.nexthop is None:
            self._judge_path(route.link or "", route.gateway)
        elif route.nexthop not in self._nexthops:
            raise Refusal(EINVAL, "Nexthop id does not exist")
        elif route.prefix.version == 6 and any(one.family == 4 for one in self._singles(route.nexthop)):
            raise Refusal(EINVAL, "IPv6 routes can not use an IPv4 nexthop")

    def _change_rule(self, old: object, new: object) -> None:
        if isinstance(new, Rule):
            if old is None and any(held.resource == new for held in self._rules):
                raise Refusal(EEXIST, "File exists")
            self._rules.add(Held(new, ROUTE_PROTOCOL))
        if isinstance(old, Rule):
            self._rules.discard(Held(old, ROUTE_PROTOCOL))

    # What follows from the tables

    def _drop_paths(self, link: str) -> None:
        over = [id for id, held in self._nexthops.items() if getattr(held.resource, "link", None) == link]
        for id in over:
            self._remove_nexthop(id)
        self._routes = {k: held for k, held in self._routes.items() if getattr(held.resource, "link", None) != link}

    def _singles(self, id: int) -> Iterator[Nexthop]:
        resource = self._nexthops[id].resource
        ids = [member for member, _ in resource.members] if isinstance(resource, NexthopGroup) else [id]
        return (one for one in (self._nexthops[id].resource for id in ids) if isinstance(one, Nexthop))

    def _vias(self, route: Route) -> tuple[Via, ...]:
        if route.nexthop is None:
            return (Via(route.link or "", route.gateway),)
        resource = self._nexthops[route.nexthop].resource
        weights = dict(resource.members) if isinstance(resource, NexthopGroup) else {}
        ways = [one for one in self._singles(route.nexthop) if one.link is not None]
        return tuple(Via(str(one.link), one.gateway, weights.get(one.id, 1)) for one in ways)

    def _main_table(self) -> Iterator[ForwardingRoute]:
        for link, address in self._addresses:
            if self._links[link].up and address.network.num_addresses > 1:
                metric = 0 if address.version == 4 else 256
                network = ip_network(address.network)
                yield ForwardingRoute(network, PROTOCOL_KERNEL, metric, (Via(link),))
        for (prefix, table, metric), held in self._routes.items():
            if table == MAIN_TABLE and isinstance(held.resource, Route):
                vias = self._vias(held.resource)
                yield ForwardingRoute(prefix, held.protocol, metric, vias, held.resource.nexthop)


def _writer(route: Route | Blackhole) -> int:
    """The protocol number that a route is written under."""
    return route.protocol if isinstance(route, Route) else ROUTE_PROTOCOL
