"""Algorithms by strongSwan's keywords (proposal_keywords_static.txt of version 6): the one list of them."""

from __future__ import annotations

from collections.abc import Mapping

AEAD = frozenset(
    {f"aes{bits}{mode}{tag}" for bits in (128, 192, 256) for mode in ("gcm", "ccm") for tag in (8, 12, 16)}
    | {"chacha20poly1305"}
)
"""Encryption that authenticates by itself (RFC 5282 for IKEv2, RFC 4106 for ESP)."""

ENCRYPTION = AEAD | {"aes128", "aes192", "aes256", "aes128ctr", "aes192ctr", "aes256ctr", "3des", "des"}
INTEGRITY = frozenset({"md5", "sha1", "sha256", "sha384", "sha512", "aesxcbc", "aescmac"})
PRF = frozenset(f"prf{name}" for name in INTEGRITY)

GROUP_NUMBERS: Mapping[int, str] = {
    1: "modp768", 2: "modp1024", 5: "modp1536", 14: "modp2048", 15: "modp3072", 16: "modp4096", 17: "modp6144",
    18: "modp8192", 19: "ecp256", 20: "ecp384", 21: "ecp521", 22: "modp1024s160", 23: "modp2048s224",
    24: "modp2048s256", 31: "x25519", 32: "x448",
}  # fmt: skip
"""Key exchanges by their numbers in IANA's IKEv2 registry, by which clouds and devices call them."""

GROUPS = frozenset(GROUP_NUMBERS.values())
ADDITIONAL_GROUPS = frozenset(f"ke1_mlkem{size}" for size in (512, 768, 1024))
SEQUENCE_NUMBERS = frozenset({"esn", "noesn"})

ALIASES: Mapping[str, str] = {
    "aes": "aes128",
    "sha": "sha1",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
    "curve25519": "x25519",
    "curve448": "x448",
    **{f"aes{bits}gcm": f"aes{bits}gcm16" for bits in (128, 192, 256)},
    **{f"aes{bits}gcm{8 * tag}": f"aes{bits}gcm{tag}" for bits in (128, 192, 256) for tag in (8, 12, 16)},
}
"""Second spellings that charon takes for the same algorithm."""
