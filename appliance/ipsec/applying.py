"""How changes are carried out on a charon: what is loaded, closed and started, in which order. All talk is passed in.

Loading touches no SA (see ``load_conn_message``), so a batch has three acts: everything is loaded and unloaded; then
the SAs of removed and of differently agreed connections are closed, all at once; then the new ones are started.
charon is never asked to wait for a peer, and the SAs of connections that are not in the batch are never named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from appliance.ipsec.connections import (
    interrupts,
    load_conn_message,
    load_shared_message,
    parse_shared_key_id,
    shared_key_id,
)
from appliance.ipsec.record import Loaded, Record, ours
from appliance.ipsec.status import parse_sas, plain
from appliance.model.change import Change, Outcome
from appliance.model.fault import ApplianceError, SystemFailure
from appliance.model.resources import IkeConnection, SharedKey

AT_ONCE = "-1"
"""vici's timeout for "do it, I do not wait for the outcome"."""

PATIENCE = 1.0
"""Seconds that a peer gets to answer our goodbye before the SA is dropped without its answer."""

POLL = 0.02
"""Seconds between two looks at whether closed SAs are gone."""


class Talk(Protocol):
    """A conversation with one charon. Both raise SystemFailure when charon refuses."""

    def request(self, command: str, message: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command, its answer."""

    def stream(self, command: str, event: str, message: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """One command that answers in events."""

    def pause(self, seconds: float) -> None:
        """Let charon work."""


@dataclass(slots=True)
class Batch:
    """One apply as it goes. ``keys`` holds the vici ids of our keys in charon by our id; ``refused`` maps a
    connection's name to why its tunnel could not be closed or started; ``loaded`` names those of ours in charon."""

    talk: Talk
    connections: dict[str, Loaded]
    owners: dict[str, tuple[str, ...]]
    foreign: frozenset[str]
    before: dict[str, set[int]]
    keys: dict[str, set[str]]
    loaded: set[str] = field(default_factory=set)
    close: set[int] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    start: list[IkeConnection] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def ike_ids(talk: Talk) -> dict[str, set[int]]:
    """The unique ids of the IKE_SAs that stand now, by connection."""
    found: dict[str, set[int]] = {}
    for sa in parse_sas(talk.stream("list-sas", "list-sa")):
        found.setdefault(sa.name, set()).add(sa.ike_id)
    return found


def snapshots(talk: Talk) -> dict[str, Any]:
    """All connections as ``list-conns`` shows them."""
    return {name: plain(value) for message in talk.stream("list-conns", "list-conn") for name, value in message.items()}


def key_ids(talk: Talk) -> list[str]:
    """The ids of all shared keys."""
    return [text.decode(errors="replace") for text in talk.request("get-shared").get("keys", [])]


def carry_out(
    talk: Talk, record: Record, changes: Sequence[Change], keep: Callable[[Record], None]
) -> list[Outcome]:
    """Carry out the changes; the outcomes in their order. ``keep`` gets the record before anything is loaded (what we
    load is ours even if we are killed meanwhile) and as it is afterwards."""
    shown = snapshots(talk)
    foreign = frozenset(shown) - ours(record, shown)
    keep(_intended(record, changes, foreign))
    batch = Batch(talk, dict(record.connections), dict(record.owners), foreign, ike_ids(talk), _our_keys(talk))
    batch.loaded |= shown.keys() - foreign
    outcomes = [_attempt(batch, change) for change in changes]
    _close(batch)
    _start(batch)
    keep(Record(record.instance, _as_seen(batch, snapshots(talk), changes), batch.owners))
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
    return {
        name: replace(loaded, snapshot=shown.get(name)) if name in touched else loaded
        for name, loaded in batch.connections.items()
    }


def _intended(record: Record, changes: Iterable[Change], foreign: frozenset[str]) -> Record:
    wanted = [change.new for change in changes if isinstance(change.new, IkeConnection)]
    ours = {connection.name: Loaded(connection) for connection in wanted if connection.name not in foreign}
    return replace(record, connections={**record.connections, **ours})


def _attempt(batch: Batch, change: Change) -> Outcome:
    try:
        _STEPS[type(change.resource), change.new is not None](batch, change)
    except SystemFailure as failure:
        return Outcome(change, failure.message, failure.retry)
    except ApplianceError as error:
        return Outcome(change, error.message)
    return Outcome(change)


def _with_refusal(outcome: Outcome, refused: Mapping[str, str]) -> Outcome:
    resource = outcome.change.resource
    if outcome.error is not None or not isinstance(resource, IkeConnection) or resource.name not in refused:
        return outcome
    return replace(outcome, error=refused[resource.name], retry=True)


def _load_key(batch: Batch, change: Change) -> None:
    """The new secret first, then the old one goes: no moment without a key. Live SAs do not ask for it again."""
    key = change.new
    assert isinstance(key, SharedKey)
    batch.talk.request("load-shared", load_shared_message(key))
    _drop_keys(batch, key.id, keep=shared_key_id(key))
    batch.owners[key.id] = key.owners


def _unload_key(batch: Batch, change: Change) -> None:
    key = change.old
    assert isinstance(key, SharedKey)
    _drop_keys(batch, key.id, keep=None)
    batch.owners.pop(key.id, None)


def _drop_keys(batch: Batch, name: str, keep: str | None) -> None:
    for text in sorted(batch.keys.get(name, set()) - {keep}):
        batch.talk.request("unload-shared", {"id": text})
    batch.keys[name] = {keep} if keep else set()


def _load_connection(batch: Batch, change: Change) -> None:
    """Load; close what stands under the name only if it was made on other terms, and start what should run."""
    new, old = change.new, change.old
    assert isinstance(new, IkeConnection)
    if new.name in batch.foreign:
        raise ApplianceError(f"charon already has a connection {new.name} that is not ours", code="foreign-charon")
    batch.talk.request("load-conn", load_conn_message(new))
    batch.connections[new.name] = Loaded(new)
    batch.loaded.add(new.name)
    if isinstance(old, IkeConnection) and not interrupts(old, new):
        return
    batch.close |= batch.before.get(new.name, set())
    if "start" in new.child.start_action:
        batch.start.append(new)


def _unload_connection(batch: Batch, change: Change) -> None:
    """Unload first: a peer that calls back, or a DPD that restarts, then finds no configuration."""
    old = change.old
    assert isinstance(old, IkeConnection)
    if old.name in batch.loaded:
        batch.talk.request("unload-conn", {"name": old.name})
    batch.loaded.discard(old.name)
    batch.connections.pop(old.name, None)
    batch.gone.add(old.name)


_STEPS: Mapping[tuple[type, bool], Callable[[Batch, Change], None]] = {
    (SharedKey, True): _load_key,
    (SharedKey, False): _unload_key,
    (IkeConnection, True): _load_connection,
    (IkeConnection, False): _unload_connection,
}


def _close(batch: Batch) -> None:
    """Say goodbye on all at once, wait for the answers together, then drop what is left without an answer."""
    now = ike_ids(batch.talk) if batch.close or batch.gone else {}
    doomed = batch.close.union(*(now.get(name, set()) for name in batch.gone))
    left = close_sas(batch.talk, doomed & set().union(*now.values()))
    for name, ids in left.items():
        batch.refused[name] = f"the IKE_SA of {name} does not go away (id {', '.join(map(str, sorted(ids)))})"


def close_sas(talk: Talk, ids: Iterable[int]) -> dict[str, set[int]]:
    """Close these IKE_SAs; returns those that still stand, by connection."""
    doomed = set(ids)
    for step in ({"force": "no"}, {"force": "yes"}):
        for ike_id in _still(talk, doomed):
            _tell(talk, {"ike-id": str(ike_id), "timeout": AT_ONCE, **step})
        waited = 0.0
        while (left := _still(talk, doomed)) and waited < PATIENCE:
            talk.pause(POLL)
            waited += POLL
        if not left:
            return {}
    return {name: found & doomed for name, found in ike_ids(talk).items() if found & doomed}


def _tell(talk: Talk, message: Mapping[str, str]) -> None:
    """charon calls it a failure when the SA went by itself a moment ago; whether it stands is looked at anyway."""
    try:
        talk.request("terminate", message)
    except SystemFailure as failure:
        if failure.retry:
            raise


def _still(talk: Talk, doomed: set[int]) -> set[int]:
    return doomed & set().union(*ike_ids(talk).values()) if doomed else set()


def _start(batch: Batch) -> None:
    """Start each tunnel once: if the peer called first, there is nothing left to start."""
    standing = ike_ids(batch.talk) if batch.start else {}
    for connection in batch.start:
        if standing.get(connection.name, set()) - batch.close:
            continue
        try:
            batch.talk.request("initiate", initiate_message(connection))
        except SystemFailure as failure:
            batch.refused[connection.name] = f"{connection.name} could not be started: {failure.message}"


def initiate_message(connection: IkeConnection) -> dict[str, str]:
    """Start this tunnel and do not wait for the peer."""
    return {"ike": connection.name, "child": connection.child.name, "timeout": AT_ONCE}
