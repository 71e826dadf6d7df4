"""One line of an ipsec.secrets (ipsec.secrets(5)): whose key it is, and the key."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from appliance.model.fault import Fault
from appliance.model.profile import Profile
from appliance.model.secret import Secret
from appliance.vendors.psk import is_stand_in, parse_psk
from appliance.vendors.values import Place, Placeholder

_SECRET = re.compile(r"([^\"'#]*?) ?: ?PSK\b ?(.*)")
_QUOTED = re.compile(r"(?:\"([^\"]*)\"|'([^']*)')(?: ?#.*)?")
_CODED = re.compile(r"0([xs])([0-9A-Za-z+/_=]+)(?: ?#.*)?")


@dataclass(frozen=True, slots=True)
class SecretLine:
    """``SELECTORS : PSK "KEY"``, not yet judged: the key is no secret before it is parsed, so it prints as nothing."""

    who: tuple[str, ...]
    key: Secret

    def parse_key(self, place: Place, faults: list[Fault], profile: Profile) -> Secret | Placeholder | None:
        """The key; in quotes, or as strongSwan codes it: hexadecimal after 0x, base64 after 0s."""
        written = self.key.reveal()
        quoted = _QUOTED.fullmatch(written)
        text = (quoted[1] or quoted[2] or "") if quoted else written
        coded = None if quoted else _CODED.fullmatch(text)
        if coded:
            return parse_coded(coded[0], place, faults, profile)
        if not quoted and not is_stand_in(text):
            faults.append(place.fault("the key is not in quotes", allowed='PSK "KEY"'))
            return None
        return parse_psk(text, place, faults, profile) if text else None


def match_secret(text: str) -> SecretLine | None:
    """The line as a secret, or None when it is none."""
    match = _SECRET.fullmatch(text)
    return SecretLine(tuple(match[1].split()), Secret(match[2])) if match else None


def parse_coded(text: str, place: Place, faults: list[Fault], profile: Profile) -> Secret | Placeholder | None:
    """A key after ``0x`` or ``0s``. One that is no text cannot be given to a cloud, which takes characters."""
    match = _CODED.fullmatch(text)
    try:
        data = b"" if match is None else _decoded(match[1], match[2])
        key = data.decode("ascii")
    except (ValueError, binascii.Error):
        allowed = "0x and hexadecimal digits or 0s and base64, of printable characters"
        faults.append(place.fault("not a coded key", allowed=allowed))
        return None
    return parse_psk(key, place, faults, profile)


def _decoded(coding: str, digits: str) -> bytes:
    return bytes.fromhex(digits) if coding == "x" else binascii.a2b_base64(digits, strict_mode=True)
