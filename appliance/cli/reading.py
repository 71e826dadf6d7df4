"""Documents from files and from standard input."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from appliance.model.fault import WrongUsage

LARGEST = 16 << 20
"""Bytes of a document that we look at; downloads have some 20 kB, Terraform states a few megabytes."""


def read_document(name: str) -> tuple[str, bytes]:
    """What to call it, and its bytes; ``-`` is standard input. A file that cannot be a document is refused unread."""
    if name == "-":
        return "<stdin>", _read_from(sys.stdin.buffer, "<stdin>")
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise _too_large(f"{name} has {size / 2**20:.0f} MB")
            return name, _read_from(file, name)
    except OSError as error:
        raise WrongUsage(f"{name}: {error.strerror}", hint="name the file that the cloud gave you") from None


def _read_from(file: BinaryIO, name: str) -> bytes:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _too_large(f"{name} has more than {LARGEST >> 20} MB")
    return content


def _too_large(what: str) -> WrongUsage:
    return WrongUsage(f"{what}, too much for a cloud's document", hint=f"at most {LARGEST >> 20} MB")
