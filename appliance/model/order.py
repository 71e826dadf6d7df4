"""What an operator orders the one writer of a machine to do, and what it tells of doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from appliance.model.address import IPNetwork
from appliance.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Commit:
    """Make the machine what ``text`` says, and keep that as a revision.

    ``seen``: the intent in force that this was drawn up from; when another has come meanwhile, nothing is done.
    ``replaces``: the text becomes the intent in force. ``secrets`` are of all tunnels, those in ``fresh`` are new and
    kept; the files of those in ``dropped`` go, at the end. ``down`` and ``unprotected`` name connections.
    ``remembered`` adds to what connections taught us, ``forgotten`` are connections that taught us nothing.
    """

    text: str
    summary: str
    seen: str | None
    replaces: bool = True
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()
    unprotected: frozenset[str] = frozenset()
    adopt: bool = False
    remembered: Mapping[str, tuple[IPNetwork, ...]] = field(default_factory=dict)
    forgotten: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Learn:
    """Remember and protect what the clouds announce now."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Take a tunnel out of use, ``until`` then at the latest; None: until :class:`Undrain`."""

    tunnel: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undrain:
    """Use a tunnel again."""

    tunnel: str


@dataclass(frozen=True, slots=True)
class Pin:
    """Let one tunnel of a connection carry as long as it works; None: whichever is best."""

    connection: str
    tunnel: str | None


@dataclass(frozen=True, slots=True)
class Restart:
    """Close a tunnel's SAs and negotiate them anew."""

    tunnel: str


Order = Commit | Learn | Drain | Undrain | Pin | Restart


@dataclass(frozen=True, slots=True)
class Made:
    """One step: ``verb`` (``add``, ``change``, ``remove``; ``adopt`` for what was a stranger's), the ``key`` of what it
    was about, and the sentence for the operator when it did not work."""

    verb: str
    key: str
    error: str | None = None
