"""What every verb that plans or applies does: read the intent, gather the facts, plan, refuse or carry out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from appliance.daemon.converge import Note, Progress, Report, carry_out
from appliance.daemon.handing import hand_over
from appliance.daemon.picturing import Known, Pictures, Seen
from appliance.daemon.planning import answering, asking, plan_by_looking, plan_known, require
from appliance.daemon.published import load_published
from appliance.daemon.wiring import IMAGE_MARK, Systems, mark_templates, read_templates
from appliance.design.announcing import find_reached, transit_links
from appliance.design.compose import compose_again
from appliance.design.filtering import management_guard
from appliance.design.tunnels import tunnel_if_id, tunnel_link
from appliance.design.underlay import lack_of, uplink_links
from appliance.design.wish import Wish
from appliance.history.revision import Down
from appliance.intent.read import locate, read_intent
from appliance.intent.rereading import Rereading
from appliance.intent.rules import check_numbers
from appliance.intent.tree import Unreadable, decode
from appliance.model.change import Change, Door
from appliance.model.drawn import keep
from appliance.model.fault import Fault, FaultyInput, Notice, Refused, WrongUsage
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.machine import Carrying, Machine, Reached
from appliance.model.peering import PASSWORD_RULE, Stances, is_password
from appliance.model.resources import FrrConfig, IkeConnection, Resource, SharedKey, XfrmLink
from appliance.model.secret import Secret
from appliance.plan.safety import object_to

Choice = tuple[Carrying, Stances]
"""Who carries what we route ourselves, and how sessions are held."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An intent with the text it was read from and the remarks about it."""

    intent: Intent
    text: str
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a pass wants, of which kinds that is, and what it would change through which doors, by what was seen."""

    wish: Wish
    machine: Machine
    desired: frozenset[Resource]
    changes: tuple[Change, ...]
    doors: tuple[Door, ...] = ()
    kinds: frozenset[type] = frozenset()
    seen: Seen = field(default_factory=dict)


def load_intent(systems: Systems, path: Path | None = None) -> Loaded:
    """The intent in force, or the one in ``path``. FaultyInput lists every fault; WrongUsage when there is none."""
    store = systems.store
    where = path or store.intent_file
    text = _read_text(path) if path else store.read_intent()
    if text is None:
        hint = "`appliance configure --bgp --from DOCUMENT` makes one"
        raise WrongUsage(f"this machine has no intent ({where})", hint=hint)
    return parse_loaded(text, str(where))


def _read_text(path: Path) -> str:
    try:
        return decode(path.read_bytes())
    except Unreadable as unreadable:
        fault = unreadable.fault(str(path))
        raise FaultyInput(f"{path} has 1 fault", hint="nothing was changed", faults=(fault,)) from None


def parse_loaded(text: str, where: str, before: Rereading | None = None) -> Loaded:
    """Read and check an intent's text; FaultyInput with every fault. ``before`` knows what was read before."""
    known = before.read(text) if before is not None else None
    if known is not None:
        return Loaded(known[0], text, known[1])
    intent, faults, notices = read_intent(text, where)
    if intent is not None and not faults:
        numbers = check_numbers(intent, tunnel_if_id, _link)
        faults = locate(text, where, tuple(numbers))
    if intent is None or faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise FaultyInput(f"{where} has {count}", hint="nothing was changed", faults=tuple(faults))
    return Loaded(intent, text, tuple(notices))


def _link(_: Connection, tunnel: Tunnel) -> str:
    return tunnel_link(tunnel)


def start_rereading() -> Rereading:
    """Nothing was read yet."""
    return Rereading(tunnel_if_id, _link)


def resolve_secrets(systems: Systems, intent: Intent, base: Path | None = None) -> dict[str, Secret]:
    """Every secret by its name. FaultyInput lists all that cannot be used."""
    found = systems.store.resolve_all(intent.secrets, base)
    refuse_passwords(intent, found)
    return found


def refuse_passwords(intent: Intent, secrets: Mapping[str, Secret]) -> None:
    """Raise FaultyInput for keys of BGP that no configuration can hold; no part of them is shown."""
    names = {one.password_name: one.name for one in intent.connections}
    unfit = sorted(name for name in names if name in secrets and not is_password(secrets[name]))
    faults = tuple(
        Fault("cannot be a key of BGP", key=f"{names[name]}: bgp.password", allowed=PASSWORD_RULE) for name in unfit
    )
    if faults:
        raise FaultyInput(f"{len(faults)} faults in the keys", hint="nothing was changed", faults=faults)


async def make_wish(
    systems: Systems,
    intent: Intent,
    secrets: Mapping[str, Secret],
    down: Down | None = None,
    choice: Choice | None = None,
    known: Known | None = None,
    *,
    anew: bool = True,
) -> Wish:
    """The intent with this machine's facts. ``down`` None: what the operator took down stays down. ``choice`` None:
    what the daemon chose stays chosen. ``anew``: the machine is looked at now, whether or not it is ``known``."""
    carrying, stances = choice or _chosen(systems)
    reached = await find_beyond(systems, intent, carrying)
    taken = systems.store.load_down() if down is None else down
    return Wish(
        intent=intent,
        templates=read_templates() if known is None else keep(known.drawn, "files", mark_templates(), read_templates),
        machine=await _machine(systems, known, anew=anew),
        learned=systems.store.load_learned(),
        secrets=secrets,
        fingerprint=systems.store.fingerprint,
        frr_extra=_read_extra(intent),
        host_is_ours=IMAGE_MARK.exists(),
        down=taken.names,
        unprotected=taken.unprotected,
        carrying=carrying,
        stances=stances,
        reached=reached,
        drawn={} if known is None else known.drawn,
    )


async def _machine(systems: Systems, known: Known | None, *, anew: bool) -> Machine:
    pictures = known.pictures if known else Pictures()
    if anew or pictures.machine is None:
        return await pictures.look_around(systems.kernel.machine)
    return pictures.machine


async def find_beyond(systems: Systems, intent: Intent, carrying: Carrying) -> Reached | None:
    """What can be reached now of what one cloud is told of another; None where no cloud is told of any."""
    links = transit_links(intent)
    return find_reached(intent, await systems.kernel.forwarding(links), carrying) if links else None


def _chosen(systems: Systems) -> Choice:
    """What the daemon chose. That nothing can carry, or a session should bring nothing, holds only as long as it lives
    to see when that changes."""
    published = load_published(systems.store.run_dir)
    if systems.store.load_daemon()["running"]:
        return published.carrying, published.stances
    return {name: tunnels for name, tunnels in published.carrying.items() if tunnels}, {}


async def prepare(
    systems: Systems, wish: Wish, *, gone: Collection[Door] | None = None, pictures: Pictures | None = None
) -> Prepared:
    """Compare the wish with what stands. SystemLacks names everything that is missing for it. With ``gone`` nobody is
    asked: what belongs to those doors is left out, for the rest must not wait for a daemon that ended; and every door
    looks now. Without, what ``pictures`` show is taken for what stands."""
    machine = wish.machine
    assert machine is not None
    if gone is None:
        async with asking(systems, wish if pictures is not None else None) as asked:
            composed = await asyncio.to_thread(compose_again, wish)
            await require(systems, composed.kinds, pictures, asked)
            doors = await answering(systems, composed.kinds)
            changes, seen = await plan_known(systems, composed, doors, pictures or Pictures(), asked)
            return Prepared(wish, machine, composed.desired, changes, doors, composed.kinds, seen)
    composed = await asyncio.to_thread(compose_again, wish)
    left_out = tuple(kind for door in gone for kind in door.owns)
    desired = composed.desired
    desired = frozenset(one for one in desired if not isinstance(one, left_out)) if left_out else desired
    doors = tuple(door for door in systems.doors if door not in gone)
    changes, seen = await plan_by_looking(systems, desired, doors, pictures, (pictures or Pictures()).look)
    if pictures is not None:
        pictures.align(desired, changes)
        for config in (one for one in desired if isinstance(one, FrrConfig)):
            systems.frr.know(config)
    return Prepared(wish, machine, desired, changes, doors, composed.kinds.difference(left_out), seen)


async def refuse_strangers(
    systems: Systems, prepared: Prepared, *, adopt: bool, pictures: Pictures | None = None
) -> None:
    """Refuse when charon, FRR or a link holds what is not ours, unless it is to be adopted. What stands as it should is
    no stranger's; whom a daemon showed when it was looked at for ``pictures``, it is not asked about again."""
    links = [change.new for change in prepared.changes if isinstance(change.new, XfrmLink)]
    clashes = [str(clash) for clash in await systems.kernel.clashes(links)] if links else []
    if clashes:
        hint = "remove those links, or give the tunnels other names or if-ids"
        raise Refused("; ".join(clashes), hint=hint, code="foreign-link")
    charon, frr = await _strangers(systems, prepared, pictures)
    if (charon or frr) and not adopt:
        hint = "--adopt backs this up and takes it over; or remove it yourself first"
        raise Refused("; ".join((*charon, *frr)), hint=hint, code="foreign-charon" if charon else "foreign-frr")


async def adopt_strangers(systems: Systems, prepared: Prepared) -> tuple[str, ...]:
    """Back up what charon and FRR hold of others, and take it out. What was taken, in words."""
    charon, frr = await _strangers(systems, prepared)
    backup = systems.store.state_dir / "adopted" / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    from_charon = await systems.charon.adopt(backup / "charon.json") if charon else ()
    return (*from_charon, *(await systems.frr.adopt(backup / "frr.conf") if frr else ()))


async def _strangers(
    systems: Systems, prepared: Prepared, pictures: Pictures | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    met = systems.charon.met if pictures is not None and pictures.knows(systems.charon) else None
    charon = () if not _wants(prepared, IkeConnection) else await systems.charon.foreign() if met is None else met
    met = systems.frr.met if pictures is not None else None
    return charon, () if not _wants(prepared, FrrConfig) else await systems.frr.foreign() if met is None else met


def refuse_unsafe(prepared: Prepared, administrators: Sequence[str], allowed: Collection[str]) -> None:
    """Raise Refused for the first rule that the plan breaks and nobody allowed; FaultyInput when a tunnel cannot leave
    this machine."""
    _refuse_stranded(prepared.wish)
    sources = prepared.wish.intent.management.sources if prepared.wish.intent.management else ()
    known = [ip_address(address) for address in administrators]
    ours, wish = prepared.wish.host_is_ours, prepared.wish
    closed, guard = (uplink_links(wish), management_guard(wish)) if ours else ((), None)
    everybody = (*known, *sources)
    for objection in object_to(prepared.changes, prepared.machine, everybody, prepared.desired, closed, guard):
        if objection.rule not in allowed:
            raise Refused(objection.message, hint=objection.hint, code=objection.rule)


def _refuse_stranded(wish: Wish) -> None:
    lacks = {tunnel.name: lack_of(wish, tunnel) for _, tunnel in wish.tunnels}
    fix = "bring the uplink up first, or name the right one under uplinks: interface, and gateway where none is seen"
    faults = tuple(Fault(lack, key=name, fix=fix) for name, lack in lacks.items() if lack is not None)
    if faults:
        named = ", ".join(fault.key for fault in faults if fault.key)
        message = f"no way out of this machine for {named}: {faults[0].message}"
        raise FaultyInput(message, hint="nothing was changed", code="no-uplink", faults=faults)


async def apply(
    systems: Systems,
    prepared: Prepared,
    text: str,
    summary: str,
    progress: Progress | None,
    note: Note | None = None,
    begun: Callable[[Wish], Awaitable[None]] | None = None,
) -> Report:
    """Carry the plan out under a journal, re-authenticate tunnels with a new key, and keep the revision. An intent that
    changes nothing here is a revision too: the daemon goes by the last one. ``begun`` is told of it first. The revision
    is written down while the systems are told, and counts once they were."""
    if not prepared.changes:
        last = systems.store.last_revision()
        if text != (last.intent if last else ""):
            systems.store.save_revision(text, summary, datetime.now(UTC))
        return Report(())
    systems.store.keep_fingerprint_key()
    now = datetime.now(UTC)
    doors = prepared.doors or await answering(systems, prepared.kinds)
    await hand_over(systems, prepared.wish, prepared.changes)
    if begun is not None:
        await begun(prepared.wish)
    with systems.store.journal(summary, [change.resource.key for change in prepared.changes], now) as done:
        drafting = asyncio.create_task(asyncio.to_thread(systems.store.draft_revision, text, summary, now))
        try:
            report = await carry_out(prepared.changes, doors, progress, note)
            for outcome in report.outcomes:
                if outcome.error is None:
                    done(outcome.change.resource.key)
            await _authenticate_again(systems, report)
        except BaseException:
            (await drafting).drop()
            raise
    systems.store.keep_revision(await drafting)
    return report


async def _authenticate_again(systems: Systems, report: Report) -> None:
    """A changed key counts from the next authentication on; waiting for that would hide a wrong one for hours."""
    changed = [
        outcome.change for outcome in report.outcomes if outcome.error is None and outcome.change.old is not None
    ]
    renegotiated = {change.new.name for change in changed if isinstance(change.new, IkeConnection)}
    for change in changed:
        if isinstance(change.new, SharedKey):
            name = change.new.id.removeprefix("appliance-")
            if name not in renegotiated:
                await systems.charon.terminate(name)
                await systems.charon.initiate(name)


def _wants(prepared: Prepared, kind: type) -> bool:
    return kind in prepared.kinds


def _read_extra(intent: Intent) -> str:
    if intent.frr_extra is None:
        return ""
    path = Path(intent.frr_extra)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        fault = Fault("cannot be read", key="frr-extra", found=str(path), fix=str(error.strerror))
        raise FaultyInput("the intent's frr-extra cannot be read", faults=(fault,)) from error
