"""What a diagnosis found: one reason why something does not work, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``layer`` is where it fails (``underlay``, ``ike``, ``child``, ``kernel``, ``bgp``, ``routes``, ``probe``),
    ``code`` a stable word for programs, ``where`` the tunnel or connection. Sentences are whole and hold no secret."""

    layer: str
    code: str
    where: str
    message: str
    remedy: str
