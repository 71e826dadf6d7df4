"""strongSwan's proposal keywords: what a proposal offers, which parts are weak, and how many bytes ESP costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from appliance.model.algorithms import (
    ADDITIONAL_GROUPS,
    AEAD,
    ALIASES,
    ENCRYPTION,
    GROUPS,
    INTEGRITY,
    PRF,
    SEQUENCE_NUMBERS,
)
from appliance.model.intent import Esp, Ike, Tunnel
from appliance.model.profile import Profile


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one proposal offers, in the order written; ``groups`` of an ESP proposal mean PFS."""

    encryption: tuple[str, ...]
    integrity: tuple[str, ...] = ()
    prf: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    additional_groups: tuple[str, ...] = ()

    @property
    def aead(self) -> bool:
        """Whether the encryption authenticates by itself."""
        return bool(self.encryption) and self.encryption[0] in AEAD

    @property
    def keywords(self) -> tuple[str, ...]:
        """Every algorithm keyword."""
        return (*self.encryption, *self.integrity, *self.prf, *self.groups, *self.additional_groups)


@dataclass(frozen=True, slots=True)
class WeakChoice:
    """A part of a tunnel's cryptography that its cloud would let us do better. ``phase`` is ``IKE`` or ``ESP``."""

    phase: str
    keyword: str


@lru_cache(maxsize=1024)
def parse_proposal(text: str, phase: str) -> Proposal:
    """Read one proposal of ``phase`` ``ike`` or ``esp``. Raises ValueError with the reason charon would refuse it for.

    The rules are those of charon's proposal.c: one proposal holds AEAD or classic encryption, never both; an IKE
    proposal needs a group and a PRF (the integrity keyword names one). A classic ESP proposal without integrity would
    pass there; here it does not.
    """
    tokens = [ALIASES.get(token, token) for token in text.split("-")]
    kinds = (ENCRYPTION, INTEGRITY, PRF, GROUPS, ADDITIONAL_GROUPS)
    proposal = Proposal(*(tuple(token for token in tokens if token in kind) for kind in kinds))
    known = {*proposal.keywords, *SEQUENCE_NUMBERS}
    for token in tokens:
        if token not in known:
            raise ValueError(f"{token[:40]!r} is no algorithm keyword" if token else "an empty part")
    _check_parts(proposal, tokens, phase)
    return proposal


def _check_parts(proposal: Proposal, tokens: list[str], phase: str) -> None:
    """Raise ValueError when the parts make no whole."""
    if len(set(tokens)) < len(tokens):
        raise ValueError("a keyword stands twice")
    if not proposal.encryption:
        raise ValueError("no encryption algorithm")
    if len({cipher in AEAD for cipher in proposal.encryption}) > 1:
        raise ValueError("GCM and CBC in one proposal: write two")
    if phase == "ike":
        if not proposal.groups:
            raise ValueError("no key exchange group")
        if not (proposal.prf or proposal.integrity):
            raise ValueError("no PRF: add one, like prfsha384")
        if SEQUENCE_NUMBERS & set(tokens):
            raise ValueError("esn and noesn belong to ESP")
    elif proposal.prf:
        raise ValueError("a PRF belongs to IKE")
    if not proposal.aead and not proposal.integrity:
        raise ValueError("no integrity algorithm")


def weak_choices(tunnel: Tunnel, profile: Profile) -> tuple[WeakChoice, ...]:
    """What the tunnel offers that its cloud's profile calls weak, each once, IKE first. Unreadable proposals count not.

    IKEv1 (RFC 9395 deprecates it) and a missing PFS group are named ``ikev1`` and ``no-pfs``.
    """
    weak = [WeakChoice("IKE", "ikev1")] if tunnel.ike.version == 1 and 2 in profile.ike_versions else []
    for phase, texts in (("IKE", tunnel.ike.proposals), ("ESP", tunnel.esp.proposals)):
        for proposal in readable(texts, phase.lower()):
            weak += [WeakChoice(phase, word) for word in proposal.keywords if word.removeprefix("prf") in profile.weak]
            if phase == "ESP" and not proposal.groups:
                weak.append(WeakChoice(phase, "no-pfs"))
    return tuple(dict.fromkeys(weak))


def readable(texts: Iterable[str], phase: str) -> tuple[Proposal, ...]:
    """The proposals that parse; the others are the intent check's affair."""
    found = []
    for text in texts:
        try:
            found.append(parse_proposal(text, phase))
        except ValueError:
            continue
    return tuple(found)


def recommended(profile: Profile) -> tuple[Ike, Esp]:
    """The strongest that this cloud accepts, with the lifetimes it has by default."""
    return (
        Ike(max(profile.ike_versions), profile.recommended_ike, profile.ike.default_lifetime),
        Esp(profile.recommended_esp, profile.esp.default_lifetime),
    )


ICV_BYTES = {"md5": 12, "sha1": 12, "aesxcbc": 12, "aescmac": 12, "sha256": 16, "sha384": 24, "sha512": 32}
"""Truncated ICV on the wire: RFC 2403, 2404, 3566, 4494, 4868."""

ESP_HEADER = 8  # SPI and sequence number, RFC 4303 section 2
ESP_TRAILER = 2  # pad length and next header
UDP_HEADER = 8  # UDP encapsulation, RFC 3948
IP_HEADER = {4: 20, 6: 40}


def inner_mtu(outer: int, proposals: Iterable[str], ip_version: int, nat_t: bool) -> int:
    """The largest inner packet, in bytes, that fits one outer packet of ``outer`` bytes under any of the ESP proposals.

    ``ip_version`` is that of the outer packet. inner = floor((outer - IP - [8 UDP] - 8 - IV - ICV) / block) * block - 2
    reproduces AWS's table ("Best practices for an AWS customer gateway device", packet sizes). Raises ValueError for
    an unreadable or absent proposal.
    """
    room = outer - IP_HEADER[ip_version] - (UDP_HEADER if nat_t else 0) - ESP_HEADER
    costs = {cost for text in proposals for cost in _esp_costs(parse_proposal(text, "esp"))}
    if not costs:
        raise ValueError("no ESP proposal to compute an MTU from")
    return min((room - overhead) // block * block - ESP_TRAILER for overhead, block in costs)


def _esp_costs(proposal: Proposal) -> set[tuple[int, int]]:
    """(IV plus ICV, alignment) in bytes of every combination that the proposal allows."""
    if proposal.aead:
        return {(8 + _aead_icv(cipher), 4) for cipher in proposal.encryption}
    return {
        (iv + ICV_BYTES[integrity], block)
        for iv, block in map(_iv_and_block, proposal.encryption)
        for integrity in proposal.integrity
    }


def _aead_icv(cipher: str) -> int:
    """ICV bytes of an AEAD cipher: the number its keyword ends with; 16 for ChaCha20-Poly1305 (RFC 7634)."""
    return 16 if cipher == "chacha20poly1305" else int(cipher[len("aes128gcm") :])


def _iv_and_block(cipher: str) -> tuple[int, int]:
    """IV and alignment in bytes of a cipher without authentication (RFC 3602, 3686, 2451)."""
    if cipher.endswith("ctr"):
        return 8, 4
    return (8, 8) if cipher.endswith("des") else (16, 16)
