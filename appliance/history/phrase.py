"""A secret as it stands in a file, an environment variable or a credential: bytes in, a secret or a fault out."""

from __future__ import annotations

import hmac
import re

from appliance.model.fault import Fault
from appliance.model.intent import SecretRef
from appliance.model.secret import Secret

LONGEST = 4096  # bytes; the longest pre-shared key of any cloud has 128
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def parse_phrase(raw: bytes, ref: SecretRef) -> Secret | Fault:
    """The secret without the one line end that editors put behind it. The fault never quotes what it found."""
    if len(raw) > LONGEST:
        return fault(ref, f"is longer than {LONGEST} bytes", "is this the right file?")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return fault(ref, "is not text (UTF-8)", "write binary keys as 0x… or 0s… (base64)")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        return fault(ref, "is empty", "put the pre-shared key there")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        return fault(ref, "has several lines or a control character", "keep the key alone, on one line")
    return Secret(text)


def fault(ref: SecretRef, message: str, fix: str) -> Fault:
    """A fault of one secret: where it should be, never what it is."""
    return Fault(f"the secret in {ref.kind} {ref.name} {message}", key=f"{ref.kind}: {ref.name}", fix=fix)


def is_plain_name(name: str) -> bool:
    """Whether a secret of this name is one file in the folder for secrets, and nothing above or below it."""
    return _NAME.fullmatch(name) is not None


def fingerprint(key: bytes, secret: Secret) -> str:
    """Tells two secrets apart and nothing else: HMAC-SHA256 (RFC 2104) under a key that stays on this machine, its
    first 64 bits in hexadecimal."""
    return hmac.digest(key, secret.reveal().encode(), "sha256").hex()[:16]
