"""IKE connections and keys as charon takes them: vici's ``load-conn`` and ``load-shared``, and swanctl.conf for people.

Checked against strongSwan 6.0.1 (``vici_config.c``, ``vici_cred.c``) and swanctl.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from appliance.model.fault import ApplianceError
from appliance.model.resources import ChildSa, IkeConnection, SharedKey

Section = Mapping[str, "str | Sequence[str] | Section"]
"""A vici message or a part of one: settings, lists and named sections, in the order they are sent."""

KEY_MARK = "appliance"
"""First word of the vici id of every key of ours. The id ends in the key's fingerprint: charon shows ids, not keys."""

ANY = "%any"
"""For our own identity: the address we send from. For a peer it would fit anybody, and is refused."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
IDENTITY = re.compile(r"[A-Za-z0-9@_](?:[A-Za-z0-9@._:=/, +-]{0,253}[A-Za-z0-9_.])?")
PROPOSAL = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")
FINGERPRINT = re.compile(r"[A-Za-z0-9+/=_-]{1,128}")
ACTIONS = frozenset({"none", "trap", "start", "trap|start", "clear", "restart"})
UNIQUE = frozenset({"never", "no", "keep", "replace"})


def _checked(kind: str, text: str, allowed: re.Pattern[str] | frozenset[str]) -> str:
    """``text``, or a refusal: nothing that could end its line, its section or its list reaches charon."""
    good = text in allowed if isinstance(allowed, frozenset) else allowed.fullmatch(text) is not None
    if not good:
        raise ApplianceError(f"not usable as {kind}: {text[:80]!r}", code="unsafe-value")
    return text


def connection_settings(connection: IkeConnection) -> Section:
    """All settings of one connection, in swanctl.conf's names. Raises ApplianceError on a string out of bounds.

    ``if_id`` stands on the connection: a child without its own takes it from there (``child_sa_create``).
    """
    return {
        "version": str(connection.version),
        **({"local_addrs": [str(connection.local)]} if connection.local is not None else {}),
        "remote_addrs": [str(connection.remote)],
        "proposals": [_checked("an IKE proposal", text, PROPOSAL) for text in connection.proposals],
        # A cloud's end never moves, and MOBIKE would follow a changed address of ours to another uplink.
        "mobike": "no",
        "aggressive": "no",
        "fragmentation": "yes",
        "encap": "yes" if connection.encap else "no",
        "keyingtries": "0",
        "unique": _checked("a uniqueness policy", connection.unique, UNIQUE),
        "send_cert": "never",
        "send_certreq": "no",
        "dpd_delay": f"{connection.dpd_delay}s",
        **_dpd_timeout(connection),
        **_ike_times(connection),
        **({"if_id_in": str(connection.if_id), "if_id_out": str(connection.if_id)} if connection.if_id else {}),
        "local": {"auth": "psk", **_own_identity(connection.local_id)},
        "remote": {"auth": "psk", "id": _checked("an identity", connection.remote_id, IDENTITY)},
        "children": {_checked("a name", connection.child.name, NAME): _child_settings(connection.child)},
    }


def _own_identity(identity: str) -> Section:
    return {} if identity == ANY else {"id": _checked("an identity", identity, IDENTITY)}


def _dpd_timeout(connection: IkeConnection) -> Section:
    """Only IKEv1 has one; IKEv2 gives a peer up when its retransmissions are used up (RFC 7296 section 2.4)."""
    if connection.version != 1 or connection.dpd_timeout is None:
        return {}
    return {"dpd_timeout": f"{connection.dpd_timeout}s"}


def _ike_times(connection: IkeConnection) -> Section:
    """IKEv2 rekeys in place and never re-authenticates. IKEv1 has only re-authentication, and both times together
    pile up SAs (strongSwan issue 1945), so exactly one of the two is set. The lifetime offered in IKEv1 is the sum
    of that time and ``over_time`` (``main_mode.c``)."""
    used, unused = ("reauth_time", "rekey_time") if connection.version == 1 else ("rekey_time", "reauth_time")
    return {
        used: f"{connection.rekey_time}s",
        unused: "0s",
        "over_time": f"{connection.over_time}s",
        "rand_time": f"{connection.rand_time}s",
    }


def _child_settings(child: ChildSa) -> Section:
    return {
        "local_ts": [str(network) for network in child.local_ts],
        "remote_ts": [str(network) for network in child.remote_ts],
        "esp_proposals": [_checked("an ESP proposal", text, PROPOSAL) for text in child.proposals],
        "rekey_time": f"{child.rekey_time}s",
        "rand_time": f"{child.rand_time}s",
        "life_time": f"{child.life_time}s",
        "replay_window": str(child.replay_window),
        # Outside, a packet may be fragmented: where a way is narrower than it says and no ICMP comes back, a copied DF
        # would swallow every full segment. Inside, the tunnel's MTU and MSS see to it that none has to be.
        "copy_df": "no",
        "start_action": _checked("an action", child.start_action, ACTIONS),
        "dpd_action": _checked("an action", child.dpd_action, ACTIONS),
        "close_action": _checked("an action", child.close_action, ACTIONS),
        **_policed(child),
    }


def _policed(child: ChildSa) -> Section:
    """charon's policies name the very SA to send by, so a rekey that the other side begins has us send by the new one
    only when the other side has it too (``child_sa.c``, ``register_outbound``)."""
    if not child.reqid:
        return {}
    mark = f"0x0/{child.mask:#x}"
    return {"reqid": str(child.reqid), "priority": str(child.priority), "mark_in": mark, "mark_out": mark}


def load_conn_message(connection: IkeConnection) -> Section:
    """The ``load-conn`` request. Its ``start_action`` is always ``none``: charon closes the SAs of a connection that
    it had started itself whenever that connection is loaded again or unloaded (``clear_start_actions``); without it,
    loading touches no SA, and when one is started or closed is ours to say (``initiate``, ``terminate``)."""
    settings = dict(connection_settings(connection))
    settings["children"] = {connection.child.name: {**_child_settings(connection.child), "start_action": "none"}}
    return {_checked("a name", connection.name, NAME): settings}


def shared_key_id(key: SharedKey) -> str:
    """The vici id of a key, which says all about it but the secret: mark, our id, fingerprint."""
    name = _checked("a name", key.id, NAME)
    return f"{KEY_MARK}:{name}:{_checked('a fingerprint', key.fingerprint, FINGERPRINT)}"


def parse_shared_key_id(text: str) -> tuple[str, str] | None:
    """Our id and the fingerprint, or None for a key that is not ours."""
    mark, _, rest = text.partition(":")
    name, _, fingerprint = rest.partition(":")
    return (name, fingerprint) if mark == KEY_MARK and name and fingerprint else None


def load_shared_message(key: SharedKey) -> Section:
    """The ``load-shared`` request: the one place where the secret is in clear. Raises ApplianceError without one."""
    if key.secret is None:
        raise ApplianceError(f"the key {key.id} has no secret to load", code="no-secret")
    return {"id": shared_key_id(key), "type": "IKE", "data": key.secret.reveal(), "owners": _owners(key)}


def _owners(key: SharedKey) -> list[str]:
    """Whose key it is. One of the two may be anybody, both may not: such a key would fit every connection."""
    if not set(key.owners) - {ANY}:
        raise ApplianceError(f"the key {key.id} names nobody it belongs to", code="unsafe-value")
    return [owner if owner == ANY else _checked("an identity", owner, IDENTITY) for owner in key.owners]


def render_swanctl(connections: Iterable[IkeConnection], keys: Iterable[SharedKey]) -> str:
    """swanctl.conf with the same settings, for people and other tools. Secrets are named, never printed."""
    tree = {
        _checked("a name", connection.name, NAME): connection_settings(connection)
        for connection in sorted(connections, key=lambda connection: connection.name)
    }
    notes = [
        f"    # {_checked('a name', key.id, NAME)}: the key of {' and '.join(map(_quoted, _owners(key)))}; "
        "secret: kept in the intent's secrets, never printed"
        for key in sorted(keys, key=lambda key: key.id)
    ]
    return "\n".join(["connections {", *_lines(tree, 1), "}", "", "secrets {", *notes, "}", ""])


def _quoted(text: str) -> str:
    return f'"{text}"'


def _lines(section: Section, depth: int) -> Iterator[str]:
    """One setting a line. Identities are quoted: they may hold spaces and commas. A dot parts sections in a settings
    file, so one in a name becomes an underscore there."""
    indent = "    " * depth
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name.replace('.', '_')} {{"
            yield from _lines(value, depth + 1)
            yield f"{indent}}}"
        elif isinstance(value, str):
            yield f'{indent}{name} = "{value}"' if name == "id" else f"{indent}{name} = {value}"
        else:
            yield f"{indent}{name} = {','.join(value)}"


def interrupts(old: IkeConnection, new: IkeConnection) -> bool:
    """Whether the tunnel has to be set up anew for ``new`` to hold; other changes wait in charon for the next time.

    A live IKE_SA keeps the configuration it was made with through all its rekeys. What both ends agreed on (peers,
    identities, algorithms, selectors, encapsulation, interface id, replay window) must be agreed on again; when to
    rekey and probe, and what to do about duplicates, is only ours and good enough at the next set-up.
    """
    return _agreed(old) != _agreed(new)


def _agreed(connection: IkeConnection) -> tuple[object, ...]:
    child = connection.child
    return (
        connection.name, connection.version, connection.local, connection.remote, connection.local_id,
        connection.remote_id, connection.proposals, connection.encap, connection.if_id,
        child.name, child.local_ts, child.remote_ts, child.proposals, child.replay_window, child.reqid,
        child.mask, child.priority,
    )  # fmt: skip
