"""The ``secrets`` of a swanctl.conf: whose they are, and what they are in clear (swanctl.conf(5), secrets)."""

from __future__ import annotations

import base64
import binascii
import re

from appliance.model.document import Ignored
from appliance.model.fault import Fault
from appliance.model.secret import Secret
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.psk import parse_psk
from appliance.vendors.tree import Node
from appliance.vendors.values import Placeholder


def say_keys(secrets: Node | None, draft: ConnectionDraft, findings: Findings) -> None:
    """Each shared key to the tunnels of its identities; one that names none is every tunnel's."""
    for name in secrets.keys() if secrets else ():
        section = secrets.find(name) if secrets else None
        key = section.find("secret") if section else None
        if section is None or key is None or key.text is None or not name.startswith("ike"):
            continue
        parts = [part for part in (*section.keys(),) if part.startswith("id")]
        ids = {found.text for part in parts if (found := section.find(part))}
        named = [tunnel for tunnel in draft.tunnels if _is_for(tunnel, ids)]
        if not named:
            findings.ignored.append(Ignored(section.line, "a key for a peer that no connection here has"))
        for tunnel in named:
            tunnel.psk.say(_parse_key(key, key.text, draft, findings.faults), key.place)


def _is_for(tunnel: TunnelDraft, ids: set[str | None]) -> bool:
    theirs = tunnel.remote_id.written or tunnel.remote.written
    ours = tunnel.local_id.written | tunnel.public.written
    return not ids or bool(theirs & ids) or (bool(ours) and ids <= ours)


def _parse_key(node: Node, text: str, draft: ConnectionDraft, faults: list[Fault]) -> Secret | Placeholder | None:
    """The key; strongSwan reads ``0x`` as hexadecimal digits and ``0s`` as Base64."""
    plain: str | None = text
    if re.match(r"(?i)0[xs]", text):
        plain = _decoded(text)
        if plain is None:
            message = "not a key that can be written as text"
            faults.append(
                node.place.fault(message, allowed="after 0x digits, after 0s Base64, of printable characters")
            )
            return None
    return parse_psk(plain or "", node.place, faults, draft.profile)


def _decoded(text: str) -> str | None:
    try:
        raw = bytes.fromhex(text[2:]) if text[1] in "xX" else base64.b64decode(text[2:], validate=True)
        return raw.decode("ascii")
    except (ValueError, binascii.Error):
        return None
