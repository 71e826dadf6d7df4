"""From documents, flags and what is there already to the intent that ``configure`` applies."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.cli.reading import read_document
from appliance.daemon.passes import Loaded, load_intent, parse_loaded, refuse_passwords, resolve_secrets
from appliance.daemon.wiring import Systems
from appliance.intent.merge import Merged, Said, merge, own_name
from appliance.intent.rules import check_psk
from appliance.intent.write import write_intent
from appliance.model.document import ImportReport, Missing, ReadConnection
from appliance.model.fault import Fault, FaultyInput, WrongUsage
from appliance.model.intent import Connection, SecretRef, Tunnel
from appliance.model.machine import Machine
from appliance.model.secret import Secret
from appliance.todo.compose import compose_todo
from appliance.todo.task import Task
from appliance.vendors import read_documents
from appliance.vendors.intent_of import connection_of, secrets_of

OTHER_MODE = {
    "bgp": "the document is for static routing; its gateway may speak no BGP",
    "static": "the document is for BGP; the cloud needs static routes back to our networks",
    "policy": "the document is for routing; the cloud needs the same networks on either side as we select",
}
"""What to mind when a document was made for another mode."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The intent to apply with its text, the connections in question, every new secret by tunnel, and the secrets of
    all tunnels. ``warnings`` are the documents' and the intent's, ``todo`` what is left to do on the clouds' side."""

    loaded: Loaded
    connections: tuple[Connection, ...]
    fresh: Mapping[str, Secret]
    secrets: Mapping[str, Secret]
    warnings: tuple[str, ...]
    todo: tuple[Task, ...]


def from_documents(
    systems: Systems,
    machine: Machine,
    documents: Sequence[str],
    only: str | None,
    said: Said,
    keys: Mapping[str, str],
    mode: str = "bgp",
) -> Gathered:
    """Read, merge with what is there, and check; every fault and everything missing is said at once."""
    report = read_documents([read_document(path) for path in documents], only)
    if report.faults:
        raise FaultyInput(f"{_count(report.faults)} in what was read", hint="nothing was changed", faults=report.faults)
    read = _choose(report)
    before = load_intent(systems).intent if systems.store.read_intent() is not None else None
    fresh = connection_of(read, mode=mode, name=said.name)
    publics = tuple(tunnel.public for tunnel in read.tunnels)
    ours = read.local_networks if not (said.lans or (before and before.site.networks)) else ()
    said = replace(said, keys=frozenset(keys), lans=said.lans or ours)
    merged = merge(before, fresh, publics, said, machine, _site_name())
    if merged.missing:
        raise FaultyInput("the document leaves something out", hint="nothing was changed",
                          faults=tuple(_owed(missing) for missing in merged.missing))  # fmt: skip
    warnings = tuple(f"{notice.where}: {notice.message}" for notice in report.warnings)
    if ours:
        warnings += (f"{fresh.name}: without --lan our networks are the document's: {', '.join(map(str, ours))}",)
    if read.mode not in (None, mode):
        warnings += (f"{fresh.name}: {OTHER_MODE[mode]}",)
    todo = compose_todo(merged.intent, merged.connection, read, fresh)
    return _complete(systems, merged, _keys_of(read, said.name, keys, merged), warnings, todo)


def _keys_of(read: ReadConnection, name: str | None, keys: Mapping[str, str], merged: Merged) -> Mapping[str, Secret]:
    """By each tunnel's name here, its key: from the document, or as it was given."""
    given = {own_name(tunnel, merged.names): _key_of(tunnel, source) for tunnel, source in keys.items()}
    if strange := given.keys() - set(merged.names.values()):
        hint = f"tunnels: {', '.join(sorted(merged.names.values()))}"
        raise WrongUsage(f"--psk: there is no tunnel {', '.join(sorted(strange))}", hint=hint)
    return {merged.names[tunnel]: key for tunnel, key in secrets_of(read, name).items()} | given


def from_intent(systems: Systems, path: Path) -> Gathered:
    """A whole intent from a file; its secrets are found beside it and kept with ours."""
    loaded = load_intent(systems, path)
    refs = loaded.intent.secrets
    secrets = resolve_secrets(systems, loaded.intent, path.resolve().parent)
    kept = {name: secrets[name] for name, ref in refs.items() if ref.kind == "file"}
    if any(ref.kind == "file" and ref != SecretRef("file", f"secrets/{name}.psk") for name, ref in refs.items()):
        moved = tuple(_all_beside(connection, kept) for connection in loaded.intent.connections)
        loaded = parse_loaded(write_intent(replace(loaded.intent, connections=moved)), str(path))
    if not loaded.intent.connections:
        raise WrongUsage(f"{path} has no connection", hint="`appliance down` takes everything down")
    warnings = tuple(f"{notice.where}: {notice.message}" for notice in loaded.notices)
    todo = tuple(task for connection in loaded.intent.connections for task in compose_todo(loaded.intent, connection))
    return Gathered(loaded, loaded.intent.connections, kept, secrets, warnings, todo)


def _complete(
    systems: Systems,
    merged: Merged,
    fresh: Mapping[str, Secret],
    warnings: tuple[str, ...],
    todo: tuple[Task, ...],
) -> Gathered:
    loaded = parse_loaded(write_intent(merged.intent), str(systems.store.intent_file))
    faults: list[Fault] = []
    for tunnel in merged.connection.tunnels:
        if tunnel.name in fresh:
            faults += check_psk(fresh[tunnel.name], merged.connection.cloud, f"{tunnel.name}.psk")
    if faults:
        raise FaultyInput(f"{_count(faults)} in the keys", hint="nothing was changed", faults=tuple(faults))
    others = {name: ref for name, ref in merged.intent.secrets.items() if name not in fresh}
    secrets = {**systems.store.resolve_all(others), **fresh}
    refuse_passwords(merged.intent, secrets)
    notices = tuple(f"{n.where}: {n.message}" for n in loaded.notices if not n.message.startswith("weak cryptography"))
    return Gathered(loaded, (merged.connection,), fresh, secrets, (*warnings, *notices), todo)


def _choose(report: ImportReport) -> ReadConnection:
    if len(report.connections) != 1:
        names = ", ".join(connection.id or connection.name for connection in report.connections) or "none"
        raise WrongUsage(f"one connection at a time; the documents hold: {names}", hint="choose by --connection ID")
    return report.connections[0]


def _all_beside(connection: Connection, kept: Mapping[str, Secret]) -> Connection:
    own = SecretRef("file", f"secrets/{connection.password_name}.psk")
    bgp = replace(connection.bgp, password=own) if connection.password_name in kept else connection.bgp
    return replace(connection, tunnels=tuple(_beside(one, kept) for one in connection.tunnels), bgp=bgp)


def _beside(tunnel: Tunnel, kept: Mapping[str, Secret]) -> Tunnel:
    return replace(tunnel, psk=SecretRef("file", f"secrets/{tunnel.name}.psk")) if tunnel.name in kept else tunnel


def _owed(missing: Missing) -> Fault:
    return Fault(missing.why, key=missing.field, fix=missing.hint, allowed=f"needed for {missing.needed_for}")


def _key_of(name: str, source: str) -> Secret:
    kind, _, path = source.partition(":")
    if kind != "file" or not path:
        raise WrongUsage(f"--psk {name}=...: give a file", hint=f"--psk {name}=file:PATH; never the key itself")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise WrongUsage(f"--psk {name}: {path} cannot be read", hint="a file with the key and nothing else") from None
    return Secret(text.rstrip("\r\n"))


def _site_name() -> str:
    """The host's name, as far as an intent takes it."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname().split(".")[0]).strip("-")
    return name or "site"


def _count(faults: Sequence[Fault]) -> str:
    return "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
