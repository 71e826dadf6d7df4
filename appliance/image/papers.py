"""What lies beside a built image: its sums, their signature, its manifest."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from appliance.model.fault import Fault, FaultyInput

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
SPACE = "appliance-image"
"""The signature's namespace (ssh-keygen(1), -Y): one made for another purpose is refused."""


def parse_sums(text: str, where: str) -> dict[str, str]:
    """File name -> SHA-256. FaultyInput for a line that is none, and for a name that leaves the folder."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        parts = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]*)", line)
        if parts is None:
            fault = Fault("not a line of sha256sum", file=where, line=number)
            raise FaultyInput(f"{where} has a fault", faults=(fault,))
        found[parts[2]] = parts[1]
    return found


@dataclass(frozen=True, slots=True)
class Manifest:
    """The architecture that an image is for, and whether its builder had a key only for trying things."""

    arch: str
    development: bool


def parse_manifest(text: str, where: str) -> Manifest:
    """FaultyInput for what is none."""
    try:
        manifest = json.loads(text)
        return Manifest(str(manifest["arch"]), manifest["key"] == "development")
    except (ValueError, KeyError, TypeError):
        fault = Fault("no manifest of an image", file=where)
        raise FaultyInput(f"{where} cannot be read", faults=(fault,)) from None
