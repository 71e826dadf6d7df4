"""A tunnel's ``cipherSuite``: what it is narrowed to. Without one Google Cloud takes everything that it knows."""

from __future__ import annotations

from collections.abc import Callable

from appliance.model.fault import Fault
from appliance.vendors.draft import TunnelDraft
from appliance.vendors.keywords import cipher, esp_proposals, group, integrity, is_aead
from appliance.vendors.nodes import listed, look
from appliance.vendors.tree import Node

_AES_PRFS = {"aes128xcbc": "aesxcbc", "aes128cmac": "aescmac", "aesxcbc": "aesxcbc", "aescmac": "aescmac"}


def say_proposals(tunnel: TunnelDraft, suite: Node | None, faults: list[Fault]) -> None:
    """Every proposal that the suite's lists allow."""
    one, two = look(suite, "phase1"), look(suite, "phase2")
    if one is not None:
        lists = [_read(one, key, read, faults) for key, read in _PHASE_1.items()]
        if None in lists:
            tunnel.ike_proposals.is_faulty = True
        elif proposals := _ike_proposals(*(found or [] for found in lists)):
            tunnel.ike_proposals.say(proposals, one.place)
    if two is not None:
        lists = [_read(two, key, read, faults) for key, read in _PHASE_2.items()]
        ciphers, hashes, groups = (found or [] for found in lists)
        if None in lists:
            tunnel.esp_proposals.is_faulty = True
        elif proposals := esp_proposals(ciphers, hashes or ([""] if all(map(is_aead, ciphers)) else []), groups):
            tunnel.esp_proposals.say(proposals, two.place)


def _prf(text: str) -> str | None:
    word = text.lower().removeprefix("prf-")
    return _AES_PRFS.get(word.replace("-", "")) or integrity(word)


_PHASE_1: dict[str, Callable[[str], str | None]] = {
    "encryption": cipher,
    "integrity": integrity,
    "prf": _prf,
    "dh": group,
}
_PHASE_2: dict[str, Callable[[str], str | None]] = {"encryption": cipher, "integrity": integrity, "pfs": group}


def _read(phase: Node, key: str, read: Callable[[str], str | None], faults: list[Fault]) -> list[str] | None:
    """The list's keywords; None, and a fault for each, where one is not known."""
    known, strange = [], False
    for node in listed(phase, key):
        found = read(node.text or "")
        if found is None:
            allowed = "Google Cloud's spelling: AES-GCM-16-256, HMAC-SHA2-256-128, PRF-HMAC-SHA2-256, Group-14"
            faults.append(node.place.fault("not an algorithm that we know", found=node.text, allowed=allowed))
            strange = True
        else:
            known.append(found)
    return None if strange else known


def _ike_proposals(ciphers: list[str], hashes: list[str], prfs: list[str], groups: list[str]) -> tuple[str, ...]:
    """An AEAD cipher takes a PRF only (RFC 5282); with others the PRF is that of the hash unless it is another."""
    found = []
    for encryption in ciphers:
        if is_aead(encryption):
            found += [f"{encryption}-prf{prf}-{exchange}" for prf in prfs for exchange in groups]
        else:
            middles = [f"{digest}{_unless(digest, prf)}" for digest in hashes for prf in prfs or [digest]]
            found += [f"{encryption}-{middle}-{exchange}" for middle in middles for exchange in groups]
    return tuple(dict.fromkeys(found))


def _unless(digest: str, prf: str) -> str:
    return "" if digest == prf else f"-prf{prf}"
