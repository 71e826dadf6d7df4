"""What a document leaves open although someone needs it: who, why it is open, and the way to give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from appliance.model.document import Missing, ReadConnection, ReadTunnel
from appliance.model.fault import Fault
from appliance.vendors.draft import ConnectionDraft, Field, TunnelDraft

EVERY = "every mode"
_EDIT = "write it into the document or the intent"
_CRYPTO = "--crypto recommended"


@dataclass(frozen=True, slots=True)
class _Owed:
    path: str
    field: Field[Any]
    value: object
    needed_for: str
    hint: str


def missing_values(connection: ReadConnection, draft: ConnectionDraft) -> list[Missing]:
    """Everything owed and not there."""
    owed = _by_connection(connection, draft)
    for index, (tunnel, origin) in enumerate(zip(connection.tunnels, draft.tunnels, strict=True)):
        owed += _by_tunnel(tunnel, origin, f"tunnels[{index}]", f"{connection.name}-{index + 1}")
    return [_missing(item, draft) for item in owed if item.value in (None, ()) and not item.field.is_faulty]


def _by_connection(connection: ReadConnection, draft: ConnectionDraft) -> list[_Owed]:
    owed = [_Owed("id", draft.id, connection.id, "a later import of the same connection", "--name NAME")]
    if connection.mode in (None, "bgp"):
        owed += [
            _Owed("asn", draft.asn, connection.asn, "bgp", "--asn"),
            _Owed("peer_asn", draft.peer_asn, connection.peer_asn, "bgp", "--peer-asn"),
        ]
    if connection.mode in (None, "static"):
        owed.append(_Owed("networks", draft.networks, connection.networks, "static, policy", "--network CIDR"))
    return owed


def _by_tunnel(tunnel: ReadTunnel, draft: TunnelDraft, at: str, name: str) -> list[_Owed]:
    uplink = "--uplink NAME=INTERFACE,public=ADDRESS"
    return [
        _Owed(f"{at}.remote", draft.remote, tunnel.remote, EVERY, _EDIT),
        _Owed(f"{at}.public", draft.public, tunnel.public, "our identity, and the choice of the uplink", uplink),
        _Owed(f"{at}.psk", draft.psk, tunnel.psk, EVERY, f"--psk {name}=file:PATH"),
        _Owed(f"{at}.inside", draft.inside, tunnel.inside, "bgp, static", _EDIT),
        _Owed(f"{at}.peer_inside", draft.peer_inside, tunnel.peer_inside, "bgp, static", _EDIT),
        _Owed(f"{at}.ike.version", draft.ike_version, tunnel.ike.version, EVERY, _CRYPTO),
        _Owed(f"{at}.ike.proposals", draft.ike_proposals, tunnel.ike.proposals, EVERY, _CRYPTO),
        _Owed(f"{at}.esp.proposals", draft.esp_proposals, tunnel.esp.proposals, EVERY, _CRYPTO),
    ]


def _missing(item: _Owed, draft: ConnectionDraft) -> Missing:
    leaf = item.path.rpartition(".")[2]
    if item.field.stand_ins:
        stand_ins = sorted(item.field.stand_ins.items(), key=lambda pair: pair[1])
        why = f"a placeholder stands there: {', '.join(f'{text} (line {line})' for text, line in stand_ins)}"
    elif leaf in draft.never:
        why = "this format never names it"
    elif leaf == "psk":
        why = draft.empty_key
    else:
        why = "the document does not say it"
    return Missing(item.path, item.needed_for, why, item.hint)


def cut_tunnels(draft: ConnectionDraft) -> list[Fault]:
    """Tunnels that begin and then say nothing of the gateway's outside address: nothing can be made of them."""
    silent = [tunnel for tunnel in draft.tunnels if tunnel.remote.place is None and not tunnel.remote.is_faulty]
    for tunnel in silent:
        tunnel.remote.is_faulty = True
    return [
        tunnel.begin.fault(
            "this tunnel has no outside address of the gateway",
            allowed="a tunnel with all its lines",
            fix="download the document again: it may be cut short",
        )
        for tunnel in silent
    ]
