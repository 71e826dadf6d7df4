"""The clouds' and strongSwan's spellings of algorithms to strongSwan's keywords, and proposals made of them.

The keywords themselves, and groups by number, stand in ``model/algorithms.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from appliance.model.algorithms import AEAD, ALIASES, GROUP_NUMBERS, GROUPS, INTEGRITY
from appliance.model.fault import Fault
from appliance.vendors.values import Place, Placeholder, parse_choice

_GROUP_WORDS = {word: word for word in GROUPS} | {word: known for word, known in ALIASES.items() if known in GROUPS}
_INTEGRITY = {
    **{word: word for word in INTEGRITY}, "sha": "sha1", "sha196": "sha1",
    "sha2256": "sha256", "sha256128": "sha256", "sha2256128": "sha256",
    "sha2384": "sha384", "sha384192": "sha384", "sha2384192": "sha384",
    "sha2512": "sha512", "sha512256": "sha512", "sha2512256": "sha512",
    "md596": "md5", "aesxcbc96": "aesxcbc", "aescmac96": "aescmac",
}  # fmt: skip
_CIPHER = re.compile(r"aes(128|192|256)?(cbc)?(128|192|256)?")
_OTHER_CIPHERS = {"3des": "3des", "des3": "3des", "3descbc": "3des", "tripledes": "3des", "des": "des", "descbc": "des"}
_PLAIN = re.compile(r"[\s_-]+")


def cipher(text: str) -> str | None:
    """Encryption as any cloud spells it (``aes-128-cbc``, ``AES256``, ``AES256-GCM-16``, ``GCMAES128``), or None."""
    word = _PLAIN.sub("", text.lower())
    if word in _OTHER_CIPHERS:
        return _OTHER_CIPHERS[word]
    if "gcm" in word:
        return _aead(word)
    match = _CIPHER.fullmatch(word)
    if match is None or (match[1] and match[3]):
        return None
    return f"aes{match[1] or match[3] or '128'}"


def _aead(word: str) -> str | None:
    bits = re.findall(r"128|192|256", word)
    rest = re.sub(r"128|192|256|aes|gcm|16", "", word)
    size = bits[0] if bits else None
    tag_is_16 = bits[1:] in ([], ["128"])
    return f"aes{size}gcm16" if size and not rest and tag_is_16 else None


def integrity(text: str) -> str | None:
    """Integrity as any cloud spells it (``sha1``, ``hmac-sha1-96``, ``SHA2-256``, ``HMAC_SHA2_256_128``), or None."""
    return _INTEGRITY.get(_PLAIN.sub("", text.lower()).removeprefix("hmac"))


def group(text: str) -> str | None:
    """A key exchange as any cloud spells it (``Group 14``, ``Diffie-Hellman Group 2``, ``modp_1024``), or None."""
    word = _PLAIN.sub("", text.lower())
    if word in _GROUP_WORDS:
        return _GROUP_WORDS[word]
    match = re.fullmatch(r"(?:diffiehellman|dh|pfs)?(?:group)?(\d{1,2})", word)
    return GROUP_NUMBERS.get(int(match[1])) if match else None


def is_aead(encryption: str) -> bool:
    """Whether the cipher brings its own integrity; a proposal then names none (RFC 5282)."""
    return encryption in AEAD


def ike_proposals(ciphers: Sequence[str], hashes: Sequence[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Every IKE proposal these lists allow, in order. Next to an AEAD cipher the hash is the PRF (RFC 5282, 3.1)."""
    return tuple(
        f"{encryption}-{'prf' if is_aead(encryption) else ''}{digest}-{exchange}"
        for encryption in ciphers
        for digest in hashes
        for exchange in groups
    )


def esp_proposals(ciphers: Sequence[str], hashes: Sequence[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Every ESP proposal these lists allow, in order; no groups: no PFS. An AEAD cipher takes no hash."""
    made = [
        "-".join(filter(None, (encryption, None if is_aead(encryption) else digest, exchange)))
        for encryption in ciphers
        for digest in hashes
        for exchange in groups or ("",)
    ]
    return tuple(dict.fromkeys(made))


_IKE_VERSIONS: Mapping[str, int] = {"ikev1": 1, "ikev2": 2, "v1": 1, "v2": 2, "1": 1, "2": 2}


def parse_ike_version(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    """``ikev1`` or ``IKEv2``, in any case; ``V1`` or the number alone, as programs write them."""
    return parse_choice(text, place, faults, _IKE_VERSIONS)


def parse_ike_proposals(text: str, place: Place, faults: list[Fault]) -> tuple[str, ...] | None:
    """IKE in strongSwan's own notation (``aes128-sha1-modp1024,aes256gcm16-prfsha384-ecp384!``), keywords checked."""
    return _parse_proposals(text, place, faults, _ike_proposal, "cipher-hash-group")


def parse_esp_proposals(text: str, place: Place, faults: list[Fault]) -> tuple[str, ...] | None:
    """ESP in strongSwan's own notation; a group, when there, means PFS."""
    return _parse_proposals(text, place, faults, _esp_proposal, "cipher-hash or cipher-hash-group")


def _parse_proposals(
    text: str, place: Place, faults: list[Fault], read: Callable[[str], str | None], form: str
) -> tuple[str, ...] | None:
    made = [read(proposal) for proposal in text.removesuffix("!").replace(" ", "").lower().split(",")]
    known = tuple(proposal for proposal in made if proposal)
    if len(known) == len(made):
        return tuple(dict.fromkeys(known))
    allowed = f"strongSwan keywords: {form}, several with commas between them"
    faults.append(place.fault("not a proposal", found=text or "nothing", allowed=allowed))
    return None


def _ike_proposal(text: str) -> str | None:
    kinds = _kinds(text.split("-"))
    if kinds is None or not kinds["group"]:
        return None
    if is_aead(kinds["cipher"][0]):
        prfs = kinds["prf"] or [f"prf{digest}" for digest in kinds["hash"]]
        return "-".join(kinds["cipher"] + prfs + kinds["group"]) if prfs else None
    return "-".join(kinds["cipher"] + kinds["hash"] + kinds["prf"] + kinds["group"]) if kinds["hash"] else None


def _esp_proposal(text: str) -> str | None:
    kinds = _kinds([token for token in text.split("-") if token not in ("esn", "noesn", "none")])
    if kinds is None or kinds["prf"]:
        return None
    if is_aead(kinds["cipher"][0]):
        return "-".join(kinds["cipher"] + kinds["group"])
    return "-".join(kinds["cipher"] + kinds["hash"] + kinds["group"]) if kinds["hash"] else None


def _kinds(tokens: list[str]) -> dict[str, list[str]] | None:
    """Canonical keywords by kind; None when one is unknown, or AEAD and others are mixed (charon refuses it)."""
    kinds: dict[str, list[str]] = {"cipher": [], "hash": [], "prf": [], "group": []}
    for token in tokens:
        if found := cipher(token):
            kind = "cipher"
        elif found := integrity(token):
            kind = "hash"
        elif token.startswith("prf") and (digest := integrity(token[3:])):
            kind, found = "prf", f"prf{digest}"
        elif found := _GROUP_WORDS.get(token):
            kind = "group"
        else:
            return None
        if found not in kinds[kind]:
            kinds[kind].append(found)
    return kinds if len({is_aead(name) for name in kinds["cipher"]}) == 1 else None
