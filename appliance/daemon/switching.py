"""Which tunnels carry: evidence in, verdicts kept; nexthop groups replaced at once, and how sessions are held."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from time import monotonic
from typing import Protocol

from appliance.daemon.bridging import Bridge
from appliance.daemon.judging import Judges
from appliance.daemon.listening import Listening
from appliance.daemon.published import Published, load_published
from appliance.daemon.publishing import Publisher, held, known
from appliance.daemon.sensing import Healths, Senses
from appliance.daemon.waking import Marks, marks
from appliance.daemon.wiring import Systems
from appliance.design.detours import changed_detours, detours, lacks_detours
from appliance.design.paths import Bundle, bundles, path_groups
from appliance.design.peering import router_configs, speaker_configs
from appliance.design.policies import policed, policies
from appliance.design.routing import lan_addresses
from appliance.design.tunnels import tunnel_link
from appliance.design.wish import Wish
from appliance.model.address import IPAddress
from appliance.model.change import Change, Outcome
from appliance.model.drawn import Drawn, keep, make_each
from appliance.model.fault import ApplianceError
from appliance.model.health import ConnectionVerdict, Target
from appliance.model.intent import Connection, Probing
from appliance.model.machine import Carrying, Learned
from appliance.model.peering import SHUT, Stances
from appliance.model.resources import Detour, ExabgpConfig, FrrConfig, NexthopGroup, Resource, XfrmPolicy
from appliance.model.sa import TunnelSa
from appliance.probe.targets import compose_targets

NO_DETOURS = (
    "this kernel cannot hand to one link what leaves by another (modules sch_ingress, cls_u32, act_mirred): "
    "what leaves by a tunnel that was given up waits until FRR has chosen anew"
)


class Asks(Protocol):
    """Whoever asks over the tunnels whether anybody answers."""

    def set_targets(self, targets: Iterable[Target], pace: Probing, known: Mapping[Target, str] | None = None) -> None:
        """Ask these from now on; ``known`` is what was held of them before this daemon."""

    def hasten(self, tunnels: Iterable[str]) -> None:
        """Targets over these that never answered may do so now: do not take your time with them."""

    def health(self, now: float) -> Healths:
        """What came back, by tunnel."""


class Switchboard:
    """The verdicts of every connection, and what follows from them: nexthop groups, and how BGP sessions are held.

    A pass makes groups that are missing and removes those that nobody wants; what is in one is decided here alone.
    ``generation`` grows with every switch: a pass that began before one has put back what it saw.
    ``ordered`` is held while sessions are brought to what somebody ordered: who held them meanwhile would put back what
    was wanted before.
    """

    def __init__(self, systems: Systems, prober: Asks | None = None) -> None:
        self._systems = systems
        self._prober = prober
        self._wish: Wish | None = None
        self._drawn = Drawn()
        self._asked: tuple[tuple[Target, ...], Probing | None] = ((), None)
        self._children: frozenset[tuple[str, int | None]] = frozenset()
        self._bundles: tuple[Bundle, ...] = ()
        self._published = load_published(systems.store.run_dir)
        self._operations_mark: Marks | None = None
        self._lack_said = self._rehearsed = False
        self._framed: tuple[Wish, Stances, FrrConfig | None] | None = None
        self.senses = Senses()
        self._judges = Judges()
        self.bridge = Bridge()
        self._heard: list[str] = []
        self._publisher = Publisher(systems.store.run_dir)
        self.generation = 0
        self.ordered = asyncio.Lock()
        self.listening: Listening | None = None

    @property
    def verdicts(self) -> Mapping[str, ConnectionVerdict]:
        """By connection."""
        return self._published.verdicts

    @property
    def carrying(self) -> Carrying:
        """Who carries now."""
        return self._published.carrying

    @property
    def stances(self) -> Stances:
        """How the sessions of tunnels that should not carry are held."""
        return self._published.stances

    @property
    def easy(self) -> bool:
        """Whether every tunnel has its SA and works."""
        return self.senses.easy and all(path.health == "up" for path in self._published.paths.values())

    @property
    def links(self) -> Mapping[str, str]:
        """The interface of each tunnel that has one."""
        if self._wish is None:
            return {}
        found = make_each(self._drawn, "links", self._wish.connections, _links)
        return keep(self._drawn, "links by tunnel", found, lambda: dict(chain.from_iterable(found)))

    @property
    def policed(self) -> tuple[Connection, ...]:
        """Connections that follow the cloud's choice of tunnel, where there is one."""
        return tuple(one for one in policed(self._wish) if len(one.tunnels) > 1) if self._wish else ()

    def follow(self, wish: Wish) -> None:
        """The intent in force is this one now."""
        self._wish, self._bundles = wish, bundles(wish)
        if self._prober is not None:
            ours = lan_addresses(wish)
            asked = make_each(self._drawn, "targets", wish.connections, partial(_targets, ours=ours), ours)
            self._ask(self._prober, tuple(chain.from_iterable(asked)), wish.intent.probe)

    def _ask(self, prober: Asks, targets: tuple[Target, ...], pace: Probing) -> None:
        """Nothing is told that is asked already; what was held before is looked up of those that are new."""
        before, self._asked = self._asked, (targets, pace)
        if self._asked != before:
            old = set(map(id, before[0]))
            new = [target for target in targets if id(target) not in old]
            prober.set_targets(targets, pace, known(new, self._published))

    async def obey(self, wish: Wish) -> None:
        """This was ordered, and is about to be carried out: new neighbours may speak before it is. The pass that
        comes after asks over its tunnels."""
        self._wish = replace(wish, bridged=self.bridge.spans)
        self._bundles = bundles(self._wish)
        if self.listening is not None:
            await self.listening.follow(replace(self._wish, stances=self.stances))

    def owners(self, speaker: str) -> Mapping[str, str]:
        """The connection behind each interface over which this speaker has sessions."""
        found = self._wish.tunnels if self._wish else ()
        return {tunnel_link(tunnel): one.name for one, tunnel in found if one.mode == "bgp" and one.speaker == speaker}

    def established(self, speaker: str) -> frozenset[str]:
        """The connections of which this speaker has a session."""
        up = self.senses.sessions[speaker].up if speaker in self.senses.sessions else {}
        found = self._wish.tunnels if self._wish else ()
        return frozenset(one.name for one, tunnel in found if up.get(tunnel.name))

    def learned(self, speaker: str) -> Learned:
        """What connections of which this speaker has a session have ever brought."""
        known = self._wish.learned if self._wish else {}
        return {name: known[name] for name in self.established(speaker) if name in known}

    def speaks(self, speaker: str) -> bool:
        """Whether a connection goes by sessions of this speaker."""
        found = self._wish.connections if self._wish else ()
        return any(one.mode == "bgp" and one.speaker == speaker for one in found)

    def hear(self, sas: Iterable[TunnelSa] | None) -> None:
        """What the IKE daemon says stands; None: it says nothing."""
        heard = None if sas is None else tuple(sas)
        names = [tunnel.name for _, tunnel in self._wish.tunnels] if self._wish else []
        self.senses.hear_sas(heard, names)
        if heard is not None:
            self._hasten(frozenset((sa.name, sa.child_id) for sa in heard if sa.up))
        if heard is not None and self.policed:
            self._heard += self.senses.hear_arrivals(heard, self.policed, monotonic())

    def _hasten(self, children: frozenset[tuple[str, int | None]]) -> None:
        """Over an SA that was not there before somebody may answer who never did."""
        new = children - self._children
        self._children = children
        if new and self._prober is not None:
            self._prober.hasten({name for name, _ in new})

    def hear_peers(self, speaker: str, established: Iterable[object] | None, life: object) -> bool:
        """With which addresses a speaker has sessions; None: it does not answer. Whether that is news."""
        if established is None or self._wish is None:
            return self.senses.hear_sessions(speaker, None, life)
        there = frozenset(established)
        up = {
            tunnel.name: not there.isdisjoint((tunnel.peer_inside, tunnel.peer_inside6))
            for connection, tunnel in self._wish.tunnels
            if connection.mode == "bgp" and connection.speaker == speaker
        }
        return self.senses.hear_sessions(speaker, up, life)

    async def decide(self) -> tuple[str, ...]:
        """Judge anew and switch what has to be: one message to the kernel, before all else. What happened, a sentence
        each."""
        wish = self._wish
        if wish is None:
            return ()
        now, news = monotonic(), [*self._recall_operations(), *self._heard]
        self._heard = []
        healths = self._prober.health(now) if self._prober is not None else {}
        judged = self._judges.judge(wish, self._published, self.senses, healths, now)
        before, after = self._published, held(judged)
        self._published = replace(after, probes=before.probes)
        switched = self._switched(before.carrying, after.carrying)
        if after.stances != before.stances:
            switched += changed_detours(self._detours(before.stances), self._detours(after.stances))
            news += self._say_lack()
        if switched or after.stances != before.stances:
            self.generation += 1
        if switched:
            news += _failures(await self._systems.kernel.apply(switched))
        self._published = self._publisher.tell(self._published, healths, now)
        news += [_sentence(name, before.verdicts.get(name), one.verdict) for name, one in judged.items()]
        news += [_ended(name, before, after) for name in after.stances]
        return tuple(sentence for sentence in news if sentence)

    async def hold(self) -> tuple[str, ...]:
        """Bring the sessions to how they should be held; nothing where no pass has set them up yet. What failed."""
        failed = await self._hold_embedded()
        return (*failed, *(await self._hold_frr() if self.speaks("frr") else ()))

    async def gate(self) -> None:
        """Have the kernel follow in what the embedded speaker learned, and tell nobody else yet."""
        if self.listening is not None and self._wish is not None and self.speaks("exabgp"):
            await self.listening.follow(replace(self._wish, stances=self.stances))

    async def _hold_embedded(self) -> tuple[str, ...]:
        if self.listening is None or self._wish is None or not self.speaks("exabgp"):
            return ()
        return await self.listening.hold(replace(self._wish, stances=self.stances))

    async def _hold_frr(self) -> tuple[str, ...]:
        while True:
            generation = self.generation
            config = await self._router()
            standing = await self._systems.frr.observe() if config else frozenset()
            change = next((Change(old, config) for old in standing if old != config), None)
            outcomes = await self._systems.frr.apply([change]) if change else ()
            if self.generation == generation or any(outcome.error for outcome in outcomes):
                return tuple(_failures(outcomes))

    def due(self) -> float | None:
        """When time alone may change a verdict (monotonic)."""
        due = [one.look_again for one in self._published.judged]
        due.append(self.senses.due(monotonic()))
        return min((at for at in due if at is not None), default=None)

    async def settle(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """A pass's changes, with the groups and sessions as they are decided at this moment."""
        chosen, planned = self._decided(), tuple(changes)
        routed = any(isinstance(change.new, FrrConfig) for change in planned)
        embedded = any(isinstance(change.new, ExabgpConfig) for change in planned)
        told = (await self._router() if routed else None, await self._embedded() if embedded else None)
        current = (Change(change.old, _decided(_wanted(change), chosen, told)) for change in planned)
        return tuple(change for change in current if change.old != change.new)

    async def enforce(self) -> None:
        """Put every group and session as it is decided, whatever is there."""
        chosen = self._decided()
        standing = [one for one in await self._systems.kernel.observe() if isinstance(one, Detour)]
        over = [Change(one, None) for one in standing if one.key not in chosen]
        await self._systems.kernel.apply([*over, *(Change(one, one) for one in chosen.values())])
        await self.hold()

    async def rehearse(self) -> None:
        """Once there is a tunnel that may have to be left: a module that is loaded only then would cost time then."""
        if not self._rehearsed and self.speaks("frr"):
            self._rehearsed = await self._systems.kernel.rehearse(tuple(self.links.values())[:1])

    async def leave(self) -> None:
        """Take away what nobody watches over from now on."""
        await self._systems.kernel.apply([Change(one, None) for one in self._detours(self.stances)])

    def _switched(self, before: Carrying, after: Carrying) -> list[Change]:
        """What follows in the kernel. Only what leads to connections that are carried by others now is looked at."""
        moved = {name for name, tunnels in after.items() if before.get(name) != tunnels}
        if not moved:
            return []
        old, new = self._chosen(before, moved), self._chosen(after, moved)
        return [Change(old[key], one) for key, one in new.items() if old[key] != one]

    def _detours(self, stances: Stances) -> frozenset[Detour]:
        return detours(replace(self._wish, stances=stances)) if self._wish else frozenset()

    def _decided(self) -> Mapping[str, Resource]:
        """All that is decided here alone, by key."""
        return dict(self._chosen(self.carrying)) | {one.key: one for one in self._detours(self.stances)}

    def _chosen(self, carrying: Carrying, moved: Container[str] | None = None) -> Mapping[str, Resource]:
        """What in the kernel says who carries, by key: nexthop groups, and IPsec policies. ``moved``: of these
        connections alone."""
        if self._wish is None:
            return {}
        wish = replace(self._wish, carrying=carrying)
        led = [one for one in self._bundles if moved is None or any(end.name in moved for end in one.connections)]
        groups = path_groups(wish, led).values()
        return {group.key: group for group in groups} | dict(policies(wish))

    async def _router(self) -> FrrConfig | None:
        """What FRR is to be told at this moment, None when nobody has it speak."""
        wish, stances = self._wish, self.stances
        if wish is None or not self.speaks("frr"):
            return None
        if self._framed is None or self._framed[0] is not wish or self._framed[1] != stances:
            found = await asyncio.to_thread(router_configs, replace(wish, stances=stances))
            self._framed = wish, stances, next(iter(found), None)
        return self._framed[2]

    async def _embedded(self) -> ExabgpConfig | None:
        """What the embedded speaker is to be told at this moment."""
        if self._wish is None:
            return None
        found = await asyncio.to_thread(speaker_configs, replace(self._wish, stances=self.stances))
        return next(iter(found), None)

    def _say_lack(self) -> Iterator[str]:
        """Once, when it would have been of use."""
        if not self._lack_said and self._wish and lacks_detours(replace(self._wish, stances=self.stances)):
            self._lack_said = True
            yield NO_DETOURS

    def _recall_operations(self) -> list[str]:
        """What the operator asked of tunnels, when the file about it is another. What is wrong with it."""
        store = self._systems.store
        mark = marks([store.operations_file])
        if mark == self._operations_mark:
            return []
        self._operations_mark = mark
        try:
            self.senses.operations = store.load_operations()
        except ApplianceError as error:
            return [error.message]
        return []


def _wanted(change: Change) -> Resource | None:
    """A detour that a plan ends may have been decided on since."""
    return change.old if isinstance(change.old, Detour) else change.new


def _decided(
    resource: Resource | None, chosen: Mapping[str, Resource], told: tuple[FrrConfig | None, ExabgpConfig | None]
) -> Resource | None:
    if isinstance(resource, Detour):
        return chosen.get(resource.key)
    if isinstance(resource, NexthopGroup | XfrmPolicy):
        return chosen.get(resource.key, resource)
    router, embedded = told
    if isinstance(resource, ExabgpConfig):
        return embedded or resource
    return router or resource if isinstance(resource, FrrConfig) else resource


def _sentence(name: str, was: ConnectionVerdict | None, now: ConnectionVerdict) -> str:
    """Who carries instead of whom, and why; empty when nothing changed."""
    if was is None or was.carrying == now.carrying:
        return ""
    left = [f"{tunnel}: {path.why}" for tunnel, path in now.paths.items() if tunnel in was.carrying and path.why]
    gone = "; ".join(one for one in left if one.split(":")[0] not in now.carrying)
    carries = " and ".join(now.carrying) or "nothing"
    return f"{name}: {carries} carries instead of {' and '.join(was.carrying) or 'nothing'}" + (gone and f" ({gone})")


def _ended(tunnel: str, was: Published, now: Published) -> str:
    if now.stances[tunnel] != SHUT or was.stances.get(tunnel) == SHUT:
        return ""
    return f"{tunnel}: silent for long while another session stands, so its BGP session is ended"


def _links(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Of each tunnel that has an interface, by name."""
    tunnels = sorted(connection.tunnels, key=lambda tunnel: tunnel.name) if connection.mode != "policy" else ()
    return tuple((tunnel.name, tunnel_link(tunnel)) for tunnel in tunnels)


def _targets(connection: Connection, ours: Sequence[IPAddress]) -> tuple[Target, ...]:
    return compose_targets(connection, dict(_links(connection)), ours)


def _failures(outcomes: Iterable[Outcome]) -> list[str]:
    return [outcome.error for outcome in outcomes if outcome.error is not None]
