"""What charon reports over vici, read into values: ``list-sas`` and its events, ``log``, ``list-conns``.

Keys and enumerations are those of strongSwan 6.0.1 (``vici_query.c``, ``vici_logger.c``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from appliance.model.sa import IkeLine, SaEvent, TunnelSa

Message = Mapping[str, Any]
"""A vici message as the library gives it: bytes, lists of bytes, and mappings."""

UNNAMED = "(unnamed)"
"""charon's name for an IKE_SA of which it does not know yet which connection it belongs to."""

ENCRYPTION = {"AES_CBC": "aes", "3DES_CBC": "3des", "DES_CBC": "des", "NULL": "null",
              "CHACHA20_POLY1305": "chacha20poly1305",
              "AES_CTR": "aes{}ctr", "AES_GCM_8": "aes{}gcm8", "AES_GCM_12": "aes{}gcm12", "AES_GCM_16": "aes{}gcm16",
              "AES_CCM_8": "aes{}ccm8", "AES_CCM_12": "aes{}ccm12", "AES_CCM_16": "aes{}ccm16"}  # fmt: skip
INTEGRITY = {"HMAC_MD5_96": "md5", "HMAC_MD5_128": "md5_128", "HMAC_SHA1_96": "sha1", "HMAC_SHA1_160": "sha1_160",
             "AES_XCBC_96": "aesxcbc", "AES_CMAC_96": "aescmac", "HMAC_SHA2_256_96": "sha256_96",
             "HMAC_SHA2_256_128": "sha256", "HMAC_SHA2_384_192": "sha384", "HMAC_SHA2_512_256": "sha512"}  # fmt: skip
PRF = {"PRF_HMAC_MD5": "prfmd5", "PRF_HMAC_SHA1": "prfsha1", "PRF_HMAC_SHA2_256": "prfsha256",
       "PRF_HMAC_SHA2_384": "prfsha384", "PRF_HMAC_SHA2_512": "prfsha512", "PRF_AES128_XCBC": "prfaesxcbc",
       "PRF_AES128_CMAC": "prfaescmac"}  # fmt: skip
GROUPS = {"CURVE_25519": "x25519", "CURVE_448": "x448", "MODP_1024_160": "modp1024s160",
          "MODP_2048_224": "modp2048s224", "MODP_2048_256": "modp2048s256", "ML_KEM_512": "mlkem512",
          "ML_KEM_768": "mlkem768", "ML_KEM_1024": "mlkem1024"}  # fmt: skip


def _text(message: Message, key: str) -> str | None:
    value = message.get(key)
    return value.decode(errors="replace") if isinstance(value, bytes) else None


def _number(message: Message, key: str, base: int = 10) -> int | None:
    text = _text(message, key)
    return None if text is None else int(text, base)


def parse_proposal(message: Message) -> str | None:
    """The algorithms agreed on, as a proposal in strongSwan's keywords; None while nothing is agreed on.

    A PRF is named only beside an AEAD cipher: elsewhere it follows from the integrity algorithm.
    """
    cipher = _text(message, "encr-alg")
    if cipher is None:
        return None
    size = _text(message, "encr-keysize") or ""
    word = ENCRYPTION.get(cipher, cipher.lower())
    integrity, prf, group = _text(message, "integ-alg"), _text(message, "prf-alg"), _text(message, "dh-group")
    parts = [
        word.format(size) if "{}" in word else word + size,
        INTEGRITY.get(integrity, integrity.lower()) if integrity else None,
        PRF.get(prf, prf.lower()) if prf and not integrity else None,
        GROUPS.get(group, group.lower().replace("_", "")) if group else None,
    ]
    return "-".join(part for part in parts if part)


def parse_sas(messages: Iterable[Message]) -> tuple[TunnelSa, ...]:
    """Every pair of IKE_SA and CHILD_SA of ``list-sa`` events; an IKE_SA without children stands alone.

    In the order of connection name, the carrying and newest of each first.
    """
    found = (sa for message in messages for name, ike in message.items() for sa in _tunnel_sas(name, ike))
    return tuple(sorted(found, key=lambda sa: (sa.name, not sa.up, -(sa.child_id or 0), -sa.ike_id)))


def newest(sas: Iterable[TunnelSa]) -> dict[str, TunnelSa]:
    """By connection name, the one that counts: the newest that carries, else the newest."""
    chosen: dict[str, TunnelSa] = {}
    for sa in sas:
        rival = chosen.get(sa.name)
        if rival is None or (sa.up, sa.child_id or 0, sa.ike_id) > (rival.up, rival.child_id or 0, rival.ike_id):
            chosen[sa.name] = sa
    return chosen


def _tunnel_sas(name: str, ike: Message) -> Iterator[TunnelSa]:
    if not isinstance(ike, Mapping) or name == UNNAMED:
        return
    children = ike.get("child-sas")
    for child in children.values() if children else ({},):
        yield _tunnel_sa(name, ike, child)


def _tunnel_sa(name: str, ike: Message, child: Message) -> TunnelSa:
    """One pair. charon gives ports as numbers and, at the level of the IKE_SA, times as seconds since or until."""
    return TunnelSa(
        name=name,
        ike_id=_number(ike, "uniqueid") or 0,
        ike_state=(_text(ike, "state") or "created").lower(),
        version=_number(ike, "version") or 0,
        local=ip_address((_text(ike, "local-host") or "0.0.0.0").replace("%any6", "::").replace("%any", "0.0.0.0")),
        local_port=_number(ike, "local-port") or 0,
        remote=ip_address((_text(ike, "remote-host") or "0.0.0.0").replace("%any6", "::").replace("%any", "0.0.0.0")),
        remote_port=_number(ike, "remote-port") or 0,
        local_id=_text(ike, "local-id") or "",
        remote_id=_text(ike, "remote-id") or "",
        initiator=_text(ike, "initiator") == "yes",
        nat_t=_text(ike, "nat-any") == "yes" or _text(child, "encap") == "yes",
        ike_spis=f"{_text(ike, 'initiator-spi') or ''} {_text(ike, 'responder-spi') or ''}",
        ike_proposal=parse_proposal(ike),
        established_s=_number(ike, "established"),
        ike_rekey_in_s=_number(ike, "rekey-time") or _number(ike, "reauth-time"),
        if_id=_number(child, "if-id-in", 16) or _number(ike, "if-id-in", 16) or 0,
        **_child_part(child),
    )


def _child_part(child: Message) -> dict[str, Any]:
    if not child:
        return {}
    return {
        "child": _text(child, "name"),
        "child_id": _number(child, "uniqueid"),
        "child_state": (_text(child, "state") or "created").lower(),
        "esp_proposal": parse_proposal(child),
        "spi_in": _text(child, "spi-in"),
        "spi_out": _text(child, "spi-out"),
        "installed_s": _number(child, "install-time"),
        "rekey_in_s": _number(child, "rekey-time"),
        "bytes_in": _number(child, "bytes-in") or 0,
        "bytes_out": _number(child, "bytes-out") or 0,
        "packets_in": _number(child, "packets-in") or 0,
        "packets_out": _number(child, "packets-out") or 0,
    }


def parse_log(message: Message) -> IkeLine:
    """One ``log`` event."""
    name = _text(message, "ikesa-name")
    return IkeLine(
        connection=None if name == UNNAMED else name,
        ike_id=_number(message, "ikesa-uniqueid"),
        group=_text(message, "group") or "",
        text=_text(message, "msg") or "",
    )


def parse_event(kind: str, message: Message) -> IkeLine | SaEvent | None:
    """A ``log``, ``ike-updown``, ``child-updown``, ``ike-rekey`` or ``child-rekey`` event; None for one of no use."""
    if kind == "log":
        return parse_log(message)
    name = next((key for key, value in message.items() if isinstance(value, Mapping)), None)
    if name is None or name == UNNAMED:
        return None
    return SaEvent(kind, name, up=_text(message, "up") == "yes" or kind.endswith("-rekey"))


def plain(value: Any) -> Any:
    """A message in JSON's types, as ``list-conns`` answers are compared and kept."""
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def can_start(sas: Iterable[TunnelSa]) -> bool:
    """Whether starting this connection makes no second child: there is no IKE_SA, or only ones whose child failed."""
    return all(sa.ike_state in ("established", "deleting", "destroying") and sa.child is None for sa in sas)


def surplus(sas: Iterable[TunnelSa], settled_s: int) -> frozenset[int]:
    """The IKE_SAs of which a tunnel has one too many: both ends called at the same moment, and no uniqueness policy
    undoes that. Only those that have stood ``settled_s`` seconds count. The lowest SPIs stay: both ends see the same
    numbers, so two boxes that tidy up never close each other's choice."""
    settled: dict[str, set[tuple[str, int]]] = {}
    for sa in sas:
        if sa.up and sa.ike_state == "established" and (sa.installed_s or 0) >= settled_s:
            settled.setdefault(sa.name, set()).add((sa.ike_spis, sa.ike_id))
    return frozenset(ike_id for found in settled.values() for _, ike_id in sorted(found)[1:])


def surplus_children(sas: Iterable[TunnelSa], settled_s: int) -> frozenset[int]:
    """The CHILD_SAs of which one IKE_SA has too many: both ends asked for one at the same moment. In a rekey the old
    one is ``rekeyed`` as soon as the new one stands, so two that are both installed for ``settled_s`` seconds are no
    rekey. The lowest SPIs stay, in whichever direction: as above, both ends choose the same."""
    found: dict[tuple[str, int], list[tuple[list[str], int]]] = {}
    for sa in sas:
        if sa.child_state == "installed" and sa.child_id is not None and (sa.installed_s or 0) >= settled_s:
            pair = sorted((sa.spi_in or "", sa.spi_out or ""))
            found.setdefault((sa.name, sa.ike_id), []).append((pair, sa.child_id))
    return frozenset(child_id for children in found.values() for _, child_id in sorted(children)[1:])


REKEY_REFUSED = ("CHILD_SA rekeying failed", "no CHILD_SA built", "failed to establish CHILD_SA", "error notify",
                 "closing and recreating CHILD_SA")  # fmt: skip
"""What charon logs when a rekey it began is over without a new CHILD_SA (``child_rekey.c``, ``quick_mode.c``)."""


def put_off(lines: Iterable[IkeLine]) -> bool:
    """Whether the peer only asked to come back later (RFC 7296 section 2.25: it is rekeying or closing itself)."""
    return any("TEMPORARY_FAILURE" in line.text for line in lines)


def rekey_refused(text: str) -> bool:
    """Whether this line of the log ends a rekey without success."""
    return any(words in text for words in REKEY_REFUSED)
