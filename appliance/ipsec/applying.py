"""How changes are carried out on a charon: what is loaded, closed and started, in which order. All talk is passed in.

Loading touches no SA (see ``load_conn_message``), so a batch has three acts: everything is loaded and unloaded; then
the SAs of removed and of differently agreed connections are closed, all at once; then the new ones are started.
charon is never asked to wait for a peer, and the SAs of connections that are not in the batch are never named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Protocol

from appliance.ipsec.connections import (
    interrupts,
    load_conn_message,
    load_shared_message,
    parse_shared_key_id,
    shared_key_id,
)
from appliance.ipsec.record import Loaded, Record, ours
from appliance.ipsec.status import parse_sas, plain, surplus, surplus_children
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError
from appliance.model.resources import IkeConnection, SharedKey
from appliance.model.sa import TunnelSa

AT_ONCE = "-1"
"""vici's timeout for "do it, I do not wait for the outcome"."""

PATIENCE = 1.0
"""Seconds that a peer gets to answer our goodbye before the SA is dropped without its answer."""

POLL = 0.02
"""Seconds between two looks at whether closed SAs are gone."""


FEW = 20
"""Connections of which each is asked for by its name; more of them: all there are."""

Names = Sequence[str] | None
"""Connections to look at; None: all there are."""

Ids = Mapping[str, set[int]]
"""The unique ids of IKE_SAs, by connection."""

Request = tuple[str, Mapping[str, Any]]
"""A vici command and its message."""
Streamed = tuple[str, str, Mapping[str, Any]]
"""A vici command that answers in events, these, and its message."""


class Talk(Protocol):
    """A conversation with one charon. It raises SystemFailure when charon goes away."""

    def request(self, command: str, message: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command, its answer. Raises SystemFailure when charon refuses it."""

    def requests(self, wanted: Sequence[Request]) -> list[str | None]:
        """Many commands, carried out in order without waiting for each other's answers: what charon says against
        each, None for nothing."""

    def stream(self, command: str, event: str, message: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """One command that answers in events."""

    def streams(self, wanted: Sequence[Streamed]) -> list[list[Mapping[str, Any]]]:
        """Many of those, without waiting for each other's answers."""

    def pause(self, seconds: float) -> None:
        """Let charon work."""


@dataclass(slots=True)
class Batch:
    """One apply as it goes. ``loaded`` names the connections of ours in charon, ``foreign`` all others; ``keys`` holds
    the vici ids of our keys by our id, ``stale`` those replaced. ``close`` are IKE_SAs, ``gone`` connections whose
    IKE_SAs go, whichever they are. ``refused`` maps a connection to why it could not be closed or started. ``about``
    are the connections that are looked at; None: all."""

    talk: Talk
    about: Names
    connections: dict[str, Loaded]
    owners: dict[str, tuple[str, ...]]
    loaded: Set[str]
    foreign: Set[str]
    before: dict[str, set[int]]
    keys: dict[str, set[str]]
    stale: list[str] = field(default_factory=list)
    close: set[int] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    start: list[IkeConnection] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def ike_ids(talk: Talk, names: Names = None) -> dict[str, set[int]]:
    """The unique ids of the IKE_SAs that stand now, by connection."""
    return _ids(talk.streams(_about(SAS, names)))


def snapshots(talk: Talk, names: Names = None) -> dict[str, Any]:
    """Connections as ``list-conns`` shows them."""
    return _shown(talk.streams(_about(CONNECTIONS, names)))


CONNECTIONS, SAS = ("list-conns", "list-conn"), ("list-sas", "list-sa")


def _look_around(talk: Talk, names: Names) -> tuple[dict[str, Any], dict[str, set[int]]]:
    """Both at once."""
    asked = _about(CONNECTIONS, names), _about(SAS, names)
    found = talk.streams([*asked[0], *asked[1]])
    return _shown(found[: len(asked[0])]), _ids(found[len(asked[0]) :])


def _about(what: tuple[str, str], names: Names) -> list[Streamed]:
    return [(*what, {})] if names is None else [(*what, {"ike": name}) for name in names]


def _shown(found: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, Any]:
    return {name: plain(value) for message in chain.from_iterable(found) for name, value in message.items()}


def _ids(found: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, set[int]]:
    ids: dict[str, set[int]] = {}
    for sa in parse_sas([*chain.from_iterable(found)]):
        ids.setdefault(sa.name, set()).add(sa.ike_id)
    return ids


def key_ids(talk: Talk) -> list[str]:
    """The ids of all shared keys."""
    return [text.decode(errors="replace") for text in talk.request("get-shared").get("keys", [])]


def carry_out(talk: Talk, record: Record, changes: Sequence[Change], keep: Callable[[Record], None]) -> list[Outcome]:
    """Carry out the changes; the outcomes in their order. ``keep`` gets the record before anything new is loaded (what
    we load is ours even if we are killed meanwhile) and as it is afterwards."""
    touched = sorted({change.resource.name for change in changes if isinstance(change.resource, IkeConnection)})
    about = touched if len(touched) <= FEW else None
    shown, before = _look_around(talk, about)
    foreign = frozenset(shown) - ours(record, shown)
    intended = _intended(record, changes, foreign)
    if intended.connections.keys() != record.connections.keys():  # those it names are ours already
        keep(intended)
    batch = Batch(
        talk, about, dict(record.connections), dict(record.owners), shown.keys() - foreign, foreign,
        before, _our_keys(talk) if len(touched) < len(changes) else {},
    )  # fmt: skip
    outcomes = _load(batch, changes)
    _start(batch, _close(batch))
    keep(Record(record.instance, _as_seen(batch, snapshots(talk, about), changes), batch.owners))
    return [_with_refusal(outcome, batch.refused) for outcome in outcomes]


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
    answers = iter(batch.talk.requests(wanted))
    outcomes = []
    for change, one in zip(changes, prepared, strict=True):
        errors = [one] if isinstance(one, str) else [next(answers) for _ in one]
        error = next(filter(None, errors), None)
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
                batch.close |= batch.before.get(new.name, set())
                batch.start += [new] if "start" in new.child.start_action else []
        case IkeConnection() as gone, None:
            batch.connections.pop(gone.name, None)
            batch.gone.add(gone.name)


def _with_refusal(outcome: Outcome, refused: Mapping[str, str]) -> Outcome:
    resource = outcome.change.resource
    if outcome.error is not None or not isinstance(resource, IkeConnection) or resource.name not in refused:
        return outcome
    return replace(outcome, error=refused[resource.name], retry=True)


def _close(batch: Batch) -> Ids:
    """Say goodbye on all at once, wait for the answers together, then drop what is left without an answer. What stands
    then."""
    if not batch.close and not batch.gone:
        return ike_ids(batch.talk, batch.about) if batch.start else {}
    now: Ids = ike_ids(batch.talk, batch.about) if batch.gone else batch.before
    doomed = batch.close.union(*(now.get(name, set()) for name in batch.gone))
    now = dismiss(batch.talk, doomed, now, batch.about)
    for name, ids in _named(doomed, now).items():
        batch.refused[name] = f"the IKE_SA of {name} does not go away (id {', '.join(map(str, sorted(ids)))})"
    return now


def close_sas(talk: Talk, ids: Iterable[int], names: Names = None) -> dict[str, set[int]]:
    """Close these IKE_SAs, of these connections; returns those that still stand, by connection."""
    doomed = set(ids)
    return _named(doomed, dismiss(talk, doomed, ike_ids(talk, names), names)) if doomed else {}


def dismiss(talk: Talk, doomed: Set[int], now: Ids, names: Names) -> Ids:
    """Close these of the IKE_SAs that stand ``now``; what stands afterwards."""
    for force in ("no", "yes"):
        left: Ids = _named(doomed, now)
        # An SA that went by itself meanwhile is a failure to charon; what stands is looked at anyway.
        talk.requests(
            [
                ("terminate", {"ike-id": str(one), "timeout": AT_ONCE, "force": force})
                for ids in left.values()
                for one in sorted(ids)
            ]
        )
        waited = 0.0
        while left and (left := _named(doomed, now := ike_ids(talk, names))) and waited < PATIENCE:
            talk.pause(POLL)
            waited += POLL
        if not left:
            break
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


def _start(batch: Batch, standing: Ids) -> None:
    """Start each tunnel once: if the peer called first, there is nothing left to start."""
    missing = [one for one in batch.start if not standing.get(one.name, set()) - batch.close]
    answers = batch.talk.requests([("initiate", initiate_message(one)) for one in missing])
    for connection, error in zip(missing, answers, strict=True):
        if error is not None:
            batch.refused[connection.name] = f"{connection.name} could not be started: {error}"


def initiate_message(connection: IkeConnection) -> dict[str, str]:
    """Start this tunnel and do not wait for the peer."""
    return {"ike": connection.name, "child": connection.child.name, "timeout": AT_ONCE}
