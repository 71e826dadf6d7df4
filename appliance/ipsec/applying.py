"""How changes are carried out on a charon: what is loaded, closed and started, in which order. All talk is passed in.

Loading touches no SA (see ``load_conn_message``), so a batch has three acts: everything is loaded and unloaded; then
the SAs of removed and of differently agreed connections are closed, all at once; then the new ones are started.
charon is never asked to wait for a peer, and the SAs of connections that are not in the batch are never named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from appliance.ipsec.connections import (
    interrupts,
    load_conn_message,
    load_shared_message,
    parse_shared_key_id,
    shared_key_id,
)
from appliance.ipsec.record import Loaded, Record, ours
from appliance.ipsec.status import surplus, surplus_children
from appliance.ipsec.talking import (
    CONNECTIONS,
    FEW,
    SAS,
    Ids,
    Names,
    Request,
    Talk,
    ask_about,
    ike_ids,
    key_ids,
    look_around,
    parse_ids,
    parse_shown,
)
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError
from appliance.model.resources import IkeConnection, SharedKey
from appliance.model.sa import TunnelSa

AT_ONCE = "-1"
"""vici's timeout for "do it, I do not wait for the outcome"."""

SOON = "1"
"""Its timeout for starting, in milliseconds: charon begins, and says when they are over. Told not to wait at all it
writes the first message before it answers, and computes a key for that."""

PATIENCE = 1.0
"""Seconds that a peer gets to answer our goodbye before the SA is dropped without its answer."""

POLL = 0.02
"""Seconds between two looks at whether closed SAs are gone."""


@dataclass(slots=True)
class Batch:
    """One apply as it goes. ``loaded`` names the connections of ours in charon, ``foreign`` all others; ``keys`` holds
    the vici ids of our keys by our id, ``stale`` those replaced. ``closing`` are connections whose IKE_SAs go,
    whichever they are. ``refused`` maps a connection to why it could not be closed or started. ``about`` are the
    connections that are looked at; None: all. ``before`` are their IKE_SAs; None: nobody looked."""

    talk: Talk
    about: Names
    connections: dict[str, Loaded]
    owners: dict[str, tuple[str, ...]]
    loaded: Set[str]
    foreign: Set[str]
    before: Ids | None
    keys: dict[str, set[str]]
    stale: list[str] = field(default_factory=list)
    closing: set[str] = field(default_factory=set)
    start: list[IkeConnection] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def carry_out(talk: Talk, record: Record, changes: Sequence[Change], keep: Callable[[Record], None]) -> list[Outcome]:
    """Carry out the changes; the outcomes in their order. ``keep`` gets the record before anything new is loaded (what
    we load is ours even if we are killed meanwhile) and as it is afterwards."""
    touched = sorted({change.resource.name for change in changes if isinstance(change.resource, IkeConnection)})
    about = touched if len(touched) <= FEW else None
    known = about is not None and all(map(_keeps_its_name, changes)) and record.connections.keys() >= {*touched}
    shown, before = ({}, None) if known else look_around(talk, about)
    foreign = frozenset(shown) - ours(record, shown)
    intended = _intended(record, changes, foreign)
    if intended.connections.keys() != record.connections.keys():  # those it names are ours already
        keep(intended)
    batch = Batch(
        talk, about, dict(record.connections), dict(record.owners), shown.keys() - foreign, foreign,
        before, _our_keys(talk) if len(touched) < len(changes) else {},
    )  # fmt: skip
    outcomes = _load(batch, changes)
    seen = _start(batch, _close(batch))
    keep(Record(record.instance, _as_seen(batch, seen, changes), batch.owners))
    return [_with_refusal(outcome, batch.refused) for outcome in outcomes]


def _keeps_its_name(change: Change) -> bool:
    """Of such a change nothing has to be known before: charon takes another connection of ours for the one it had."""
    return isinstance(change.new, IkeConnection) and isinstance(change.old, IkeConnection)


def _our_keys(talk: Talk) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for text in key_ids(talk):
        parsed = parse_shared_key_id(text)
        if parsed is not None:
            found.setdefault(parsed[0], set()).add(text)
    return found


def _as_seen(batch: Batch, shown: Mapping[str, Any], changes: Iterable[Change]) -> dict[str, Loaded]:
    """What this batch loaded, as charon shows it; for the rest the old snapshot stays the measure of drift."""
    touched = {change.resource.name for change in changes if isinstance(change.resource, IkeConnection)}
    seen = {
        name: replace(batch.connections[name], snapshot=shown.get(name)) for name in touched & batch.connections.keys()
    }
    return {**batch.connections, **seen}


def _intended(record: Record, changes: Iterable[Change], foreign: Set[str]) -> Record:
    wanted = [change.new for change in changes if isinstance(change.new, IkeConnection)]
    ours = {connection.name: Loaded(connection) for connection in wanted if connection.name not in foreign}
    return replace(record, connections={**record.connections, **ours})


def _load(batch: Batch, changes: Sequence[Change]) -> list[Outcome]:
    """Load and unload all that changes; what was replaced or is to be closed and started is noted in the batch."""
    prepared = [_prepare(batch, change) for change in changes]
    wanted = [request for one in prepared if not isinstance(one, str) for request in one]
    answers, outcomes = iter(batch.talk.requests(wanted)), []
    for change, one in zip(changes, prepared, strict=True):
        said = [one] if isinstance(one, str) else [next(answers) for _ in one]
        error = next(filter(None, said), None)
        if error is None:
            _note(batch, change)
        outcomes.append(Outcome(change, error))
    batch.talk.requests([("unload-shared", {"id": text}) for text in batch.stale])
    return outcomes


def _prepare(batch: Batch, change: Change) -> list[Request] | str:
    """The requests that carry out the change, or why it cannot be."""
    try:
        match change.old, change.new:
            case _, SharedKey() as key:
                return [("load-shared", load_shared_message(key))]
            case _, IkeConnection() as connection if connection.name in batch.foreign:
                return f"charon already has a connection {connection.name} that is not ours"
            case _, IkeConnection() as connection:
                return [("load-conn", load_conn_message(connection))]
            case SharedKey() as key, None:
                return [("unload-shared", {"id": text}) for text in sorted(batch.keys.get(key.id, ()))]
            case IkeConnection() as connection, None:
                # First of all: a peer that calls back, or a DPD that restarts, then finds no configuration.
                return [("unload-conn", {"name": connection.name})] if connection.name in batch.loaded else []
    except ApplianceError as error:
        return error.message
    raise TypeError(f"not a resource of charon's: {change.resource}")


def _note(batch: Batch, change: Change) -> None:
    match change.old, change.new:
        case _, SharedKey() as key:
            # The new secret came first: no moment without a key. Live SAs do not ask for it again.
            batch.stale += sorted(batch.keys.get(key.id, set()) - {shared_key_id(key)})
            batch.owners[key.id] = key.owners
        case SharedKey() as key, None:
            batch.owners.pop(key.id, None)
        case old, IkeConnection() as new:
            batch.connections[new.name] = Loaded(new)
            if not isinstance(old, IkeConnection) or interrupts(old, new):
                batch.closing |= {new.name} if batch.before is None or new.name in batch.before else set()
                batch.start += [new] if "start" in new.child.start_action else []
        case IkeConnection() as gone, None:
            batch.connections.pop(gone.name, None)
            batch.closing.add(gone.name)


def _with_refusal(outcome: Outcome, refused: Mapping[str, str]) -> Outcome:
    resource = outcome.change.resource
    if outcome.error is not None or not isinstance(resource, IkeConnection) or resource.name not in refused:
        return outcome
    return replace(outcome, error=refused[resource.name], retry=True)


def _close(batch: Batch) -> Ids:
    """Say goodbye on all SAs of these connections at once, wait for the answers together, then drop what is left
    without an answer. What stands then and is not to go."""
    if not batch.closing:
        return ike_ids(batch.talk, batch.about) if batch.start else {}
    goodbyes = [_goodbye("ike", name) for name in sorted(batch.closing)]
    doomed, now = _dismiss(batch.talk, goodbyes, lambda ids: _ids_of(batch.closing, ids), batch.about)
    for name, ids in _named(doomed, now).items():
        batch.refused[name] = f"the IKE_SA of {name} does not go away (id {', '.join(map(str, sorted(ids)))})"
    return {name: found - doomed for name, found in now.items()}


def _ids_of(names: Iterable[str], ids: Ids) -> set[int]:
    return {one for name in names for one in ids.get(name, ())}


def close_sas(talk: Talk, ids: Iterable[int], names: Names = None) -> dict[str, set[int]]:
    """Close these IKE_SAs, of these connections; returns those that still stand, by connection."""
    doomed = set(ids)
    goodbyes = [_goodbye("ike-id", str(one)) for one in sorted(doomed)]
    return _named(*_dismiss(talk, goodbyes, lambda _: doomed, names)) if doomed else {}


def _goodbye(key: str, value: str, force: str = "no") -> Request:
    """An SA that went by itself meanwhile is a failure to charon; what stands is looked at anyway."""
    return "terminate", {key: value, "timeout": AT_ONCE, "force": force}


def _dismiss(
    talk: Talk, goodbyes: Sequence[Request], choose: Callable[[Ids], set[int]], names: Names
) -> tuple[set[int], Ids]:
    """The IKE_SAs that were to go, of those that stood when all goodbyes were said, and what stands at last."""
    now: Ids = parse_ids(talk.together(goodbyes, ask_about(SAS, names))[1])
    doomed = choose(now)
    now = _await_end(talk, doomed, now, names)
    if left := _named(doomed, now):
        forced = [_goodbye("ike-id", str(one), "yes") for ids in left.values() for one in sorted(ids)]
        now = _await_end(talk, doomed, parse_ids(talk.together(forced, ask_about(SAS, names))[1]), names)
    return doomed, now


def _await_end(talk: Talk, doomed: Set[int], now: Ids, names: Names) -> Ids:
    """What stands when these are gone, or patience is."""
    waited = 0.0
    while _named(doomed, now) and waited < PATIENCE:
        talk.pause(POLL)
        now = ike_ids(talk, names)
        waited += POLL
    return now


def _named(doomed: Set[int], now: Ids) -> dict[str, set[int]]:
    """Those of them that stand, by connection."""
    return {name: found & doomed for name, found in now.items() if found & doomed}


def close_surplus(talk: Talk, sas: Sequence[TunnelSa], settled_s: int) -> int:
    """Close what tunnels have too many of because both ends called at once; how many."""
    doomed, children = surplus(sas, settled_s), surplus_children(sas, settled_s)
    close_sas(talk, doomed)
    talk.requests([("terminate", {"child-id": str(one), "timeout": AT_ONCE}) for one in sorted(children)])
    return len(doomed) + len(children)


def _start(batch: Batch, standing: Ids) -> dict[str, Any]:
    """Start each tunnel once: if the peer called first, there is nothing left to start. Connections as they are then
    shown."""
    missing = [one for one in batch.start if not standing.get(one.name)]
    calls = [("initiate", initiate_message(one)) for one in missing]
    answers, shown = batch.talk.together(calls, ask_about(CONNECTIONS, batch.about))
    for connection, error in zip(missing, answers, strict=True):
        if not is_under_way(error):
            batch.refused[connection.name] = f"{connection.name} could not be started: {error}"
    return parse_shown(shown)


def initiate_message(connection: IkeConnection) -> dict[str, str]:
    """Start this tunnel and do not wait for the peer."""
    return {"ike": connection.name, "child": connection.child.name, "timeout": SOON}


def is_under_way(answer: str | None) -> bool:
    """Whether charon has begun, by what it said against a start; None: nothing."""
    return answer is None or "not established after" in answer
