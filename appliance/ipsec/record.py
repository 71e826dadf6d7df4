"""What was loaded into a running charon, kept beside it: ``list-conns`` does not tell proposals or lifetimes.

The record says what we loaded; charon says what stands. Only what both agree on counts as there and ours.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address, ip_network
from itertools import compress
from typing import Any

from appliance.ipsec.connections import KEY_MARK, parse_shared_key_id
from appliance.model.address import IPAddress
from appliance.model.resources import ChildSa, IkeConnection, SharedKey

VERSION = 1
FIELDS = tuple(field.name for field in fields(IkeConnection))
CHILD_FIELDS = tuple(field.name for field in fields(ChildSa))

Snapshot = Mapping[str, Any]
"""One connection as ``list-conns`` shows it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A connection we loaded and how charon showed it right afterwards; None: it was never seen to stand."""

    connection: IkeConnection
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All we loaded into the charon that ``instance`` names (process and start). Holds fingerprints, no secrets."""

    instance: str
    connections: Mapping[str, Loaded] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def render_record(record: Record) -> str:
    """The record as the text of its file: one line, after which others may say what changed since."""
    connections = ", ".join(f"{json.dumps(name)}: {_rendered(one)}" for name, one in sorted(record.connections.items()))
    head = json.dumps({"version": VERSION, "instance": record.instance, "owners": record.owners}, default=str)
    return f'{head.removesuffix("}")}, "connections": {{{connections}}}}}\n'


def render_amendment(before: Record, after: Record) -> str:
    """What changed, as a line to be added to that of the record before; None stands for what went."""
    connections = ", ".join(
        f"{json.dumps(name)}: {_rendered(after.connections[name]) if name in after.connections else 'null'}"
        for name in _changed(before.connections, after.connections)
    )
    owners = {name: after.owners.get(name) for name in _changed(before.owners, after.owners)}
    return f'{{"owners": {json.dumps(owners)}, "connections": {{{connections}}}}}\n'


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """The names under which there is another object now, or one came or went."""
    if [*before] == [*after]:
        return sorted(compress(after, map(operator.is_not, before.values(), after.values())))
    changed = [name for name, value in after.items() if before.get(name) is not value]
    return sorted({*changed, *(before.keys() - after.keys())})


def _rendered(loaded: Loaded) -> str:
    return json.dumps({"connection": _plain(loaded.connection), "snapshot": loaded.snapshot}, default=str)


def _plain(connection: IkeConnection) -> dict[str, Any]:
    """The fields as they are: ``dataclasses.asdict`` copies every value, which dominates the load of many tunnels."""
    child = {name: getattr(connection.child, name) for name in CHILD_FIELDS}
    return {name: getattr(connection, name) for name in FIELDS} | {"child": child}


def parse_record(text: str, instance: str) -> Record:
    """The record of this charon; an empty one when the text is another charon's, or not readable as a record.

    A restarted charon has forgotten everything, so a record of the one before says nothing.
    """
    head, *more = text.split("\n")
    try:
        value = json.loads(head)
        if value["version"] != VERSION or value["instance"] != instance:
            return Record(instance)
        record = _amended(Record(instance), value)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Record(instance)
    for line in more[:-1]:  # what has no end was cut off while it was written
        try:
            record = _amended(record, json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            break
    return record


def _amended(record: Record, value: dict[str, Any]) -> Record:
    connections, owners = dict(record.connections), dict(record.owners)
    for name, entry in value["connections"].items():
        connections.pop(name, None)
        if entry is not None:
            connections[name] = Loaded(_connection(entry["connection"]), entry["snapshot"])
    for name, ids in value["owners"].items():
        owners.pop(name, None)
        if ids is not None:
            owners[name] = tuple(ids)
    return Record(record.instance, connections, owners)


def _connection(value: dict[str, Any]) -> IkeConnection:
    child = value["child"] | {
        "local_ts": tuple(map(ip_network, value["child"]["local_ts"])),
        "remote_ts": tuple(map(ip_network, value["child"]["remote_ts"])),
        "proposals": tuple(value["child"]["proposals"]),
    }
    return IkeConnection(**value | {
        "local": None if value["local"] is None else ip_address(value["local"]),
        "remote": ip_address(value["remote"]),
        "proposals": tuple(value["proposals"]),
        "child": ChildSa(**child),
    })  # fmt: skip


def standing(record: Record, shown: Mapping[str, Snapshot]) -> frozenset[IkeConnection]:
    """The connections of ours that stand as we loaded them. One that somebody else loaded anew is none of them."""
    return frozenset(
        loaded.connection
        for name, loaded in record.connections.items()
        if loaded.snapshot is not None and shown.get(name) == loaded.snapshot
    )


def is_marked(snapshot: Snapshot) -> bool:
    """Whether a connection carries our mark: all its children's names begin with it."""
    children = snapshot.get("children") or {}
    return bool(children) and all(name.startswith(f"{KEY_MARK}-") for name in children)


def ours(record: Record, shown: Mapping[str, Snapshot]) -> frozenset[str]:
    """The connections that are ours by the record or by their mark (the record may be lost, or an older version's)."""
    return frozenset(record.connections) | {name for name, snapshot in shown.items() if is_marked(snapshot)}


def fallen(record: Record, shown: Mapping[str, Snapshot]) -> frozenset[IkeConnection]:
    """Ours, but not as we loaded them, or unknown how: what charon shows of them. It never equals what we want, since
    charon does not show proposals, so each is loaded anew or removed."""
    good = {connection.name for connection in standing(record, shown)}
    return frozenset(_shown_connection(name, shown[name]) for name in ours(record, shown) & shown.keys() - good)


def _shown_connection(name: str, snapshot: Snapshot) -> IkeConnection:
    child = next(iter(snapshot.get("children") or {}), name)
    return IkeConnection(
        name=name, version=1 if snapshot.get("version") == "IKEv1" else 2, local=None,
        remote=_first_address(snapshot.get("remote_addrs") or []), local_id="", remote_id="", proposals=(),
        rekey_time=0, rand_time=0, over_time=0, dpd_delay=0, unique="never", if_id=0,
        child=ChildSa(child, (), (), (), 0, 0, 0, 0),
    )  # fmt: skip


def _first_address(texts: Iterable[str]) -> IPAddress:
    for text in texts:
        try:
            return ip_address(text)
        except ValueError:
            continue  # a host name or %any, of somebody else's making
    return ip_address("0.0.0.0")


def standing_keys(record: Record, key_ids: Iterable[str]) -> frozenset[SharedKey]:
    """Our keys in charon: id and fingerprint are charon's word, the owners the record's (none known: none).

    Two secrets under one id (an exchange that was cut short) count as none: the next apply loads the right one.
    """
    parsed = [pair for pair in map(parse_shared_key_id, key_ids) if pair is not None]
    names = [name for name, _ in parsed]
    return frozenset(
        SharedKey(name, record.owners.get(name, ()), mark) for name, mark in parsed if names.count(name) == 1
    )


def strangers(record: Record, shown: Mapping[str, Snapshot]) -> tuple[str, ...]:
    """The connections in charon that are not ours, by name. Keys alone harm nobody, and could not be backed up: charon
    shows none of them."""
    return tuple(f"connection {name}" for name in sorted(shown.keys() - ours(record, shown)))


def render_backup(shown: Mapping[str, Snapshot]) -> str:
    """Connections as charon shows them, for whoever wants to bring them back: no secrets, no proposals."""
    return json.dumps({"version": VERSION, "connections": shown}, indent=1) + "\n"
