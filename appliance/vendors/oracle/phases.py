"""``phaseOneDetails`` and ``phaseTwoDetails`` of a tunnel. Algorithms count where the tunnel is narrowed to them; else
Oracle Cloud takes everything it knows, and what was negotiated last says nothing of the next time."""

from __future__ import annotations

from collections.abc import Callable

from appliance.model.fault import Fault
from appliance.vendors.draft import Field, TunnelDraft
from appliance.vendors.keywords import cipher, esp_proposals, group, ike_proposals, integrity, is_aead
from appliance.vendors.nodes import flag, look, say
from appliance.vendors.tree import Node
from appliance.vendors.values import Place, Placeholder, parse_seconds

_HASHES = {"hmac_sha1_128": "sha1"}
"""The API's name for HMAC-SHA-1, which has 96 bits (RFC 2404)."""


def say_phase_one(node: Node | None, tunnel: TunnelDraft, faults: list[Fault]) -> None:
    """IKE's lifetime and, where it is narrowed, its algorithms."""
    say(look(node, "lifetime"), tunnel.ike_lifetime, _parse_lifetime, faults)
    if node is None or not flag(look(node, "iscustomphaseoneconfig")):
        return
    field = tunnel.ike_proposals
    encryption = _read(look(node, "customencryptionalgorithm"), cipher, field, faults)
    digest = _read(look(node, "customauthenticationalgorithm"), _hash, field, faults)
    exchange = _read(look(node, "customdhgroup"), group, field, faults)
    if encryption and digest and exchange:
        field.say(ike_proposals([encryption], [digest], [exchange]), node.place)


def say_phase_two(node: Node | None, tunnel: TunnelDraft, faults: list[Fault]) -> None:
    """ESP's lifetime and, where it is narrowed, its algorithms; a group means PFS."""
    say(look(node, "lifetime"), tunnel.esp_lifetime, _parse_lifetime, faults)
    if node is None or not flag(look(node, "iscustomphasetwoconfig")):
        return
    field = tunnel.esp_proposals
    encryption = _read(look(node, "customencryptionalgorithm"), cipher, field, faults)
    digest = None
    if encryption and not is_aead(encryption):
        digest = _read(look(node, "customauthenticationalgorithm"), _hash, field, faults)
    pfs = flag(look(node, "ispfsenabled")) is not False
    exchange = _read(look(node, "dhgroup") or look(node, "pfsdhgroup"), group, field, faults) if pfs else None
    if encryption and (digest or is_aead(encryption)) and not field.is_faulty:
        field.say(esp_proposals([encryption], [digest or ""], [exchange] if exchange else []), node.place)


def _hash(text: str) -> str | None:
    return _HASHES.get(text.lower()) or integrity(text)


def _read(
    node: Node | None, read: Callable[[str], str | None], field: Field[tuple[str, ...]], faults: list[Fault]
) -> str | None:
    if node is None or node.text is None or node.text.upper() == "NONE":
        return None
    found = read(node.text)
    if found is None:
        allowed = "Oracle Cloud's spelling: AES_256_CBC, SHA2_384, HMAC_SHA2_256_128, GROUP20"
        faults.append(node.place.fault("not an algorithm that we know", found=node.text, allowed=allowed))
        field.is_faulty = True
    return found


def _parse_lifetime(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    return parse_seconds(text, place, faults, 1, 604800)
