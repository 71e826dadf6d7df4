"""What ``dataclasses`` compiles anew at every start, kept from the start before: a third of the way to a first answer.

It writes the methods of each class as text and hands that to ``exec``. Python keeps modules compiled, in
``__pycache__``, but not these texts; so they are kept there too, in a file of our own beside this module's. Code is
found by a digest of the text it was compiled from, so that nothing old can be taken for new. Where the file is missing,
cannot be read or cannot be written, everything is compiled as ever.
"""

from __future__ import annotations

import builtins
import dataclasses
import marshal
import os
import sys
from types import CodeType
from typing import Any

MOST_BYTES = 8_000_000
"""Texts of earlier versions stay in the file; one of this size is begun anew."""


class Methods:
    """Compiled texts by the digest of the text, and the file that holds them."""

    def __init__(self, place: str) -> None:
        from hashlib import blake2b  # by now without OpenSSL

        self._place, self._blake2b = place, blake2b
        self._known = _read(place)
        self._new: dict[bytes, bytes] = {}

    def execute(self, text: str, *names: Any) -> None:
        """What ``exec`` does, compiling only what is not known yet."""
        digest = self._blake2b(text.encode(), digest_size=16).digest()
        code = _code(self._known.pop(digest, None))  # each class is made once: the daemon need not remember it
        if code is None:
            code = compile(text, "<string>", "exec", dont_inherit=True)
            self._new[digest] = marshal.dumps(code)
        builtins.exec(code, *names)

    def save(self) -> None:
        """Keep what is new for the next start; whoever reads meanwhile sees the old file or the new one."""
        if not self._new or sys.dont_write_bytecode:
            return
        ours = f"{self._place}.{os.getpid()}"
        try:
            with open(ours, "wb") as file:
                file.write(marshal.dumps(_read(self._place) | self._new))
            os.replace(ours, self._place)
            self._new.clear()
        except OSError:  # not ours to write, as Python finds it with its own
            return


def _code(known: object) -> CodeType | None:
    """What was kept, unless it was damaged."""
    try:
        found = marshal.loads(known) if isinstance(known, bytes) else None
    except (EOFError, ValueError, TypeError):
        return None
    return found if isinstance(found, CodeType) else None


def _read(place: str) -> dict[bytes, bytes]:
    try:
        with open(place, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        found = marshal.loads(content) if len(content) <= MOST_BYTES else {}
    except (OSError, EOFError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def keep_methods() -> Methods:
    """From now on ``dataclasses`` asks here; to be called before the modules that have many classes are imported."""
    module = __spec__.cached or __file__
    methods = Methods(f"{module.rpartition('.')[0]}.marshal")
    dataclasses.exec = methods.execute  # type: ignore[attr-defined]
    return methods
