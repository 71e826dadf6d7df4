"""How things stand, as ``appliance status`` shows it: one look, and the document that is made of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from appliance import __version__
from appliance.daemon.looking import look
from appliance.daemon.passes import Loaded, load_intent, parse_loaded, resolve_secrets
from appliance.daemon.wiring import Systems
from appliance.image.seed import Seed
from appliance.intent.tree import Unreadable, parse_tree
from appliance.model.fault import ApplianceError, FaultyInput, Notice, SystemFailure, WrongUsage
from appliance.model.secret import Secret
from appliance.report.status import compose_status


async def read_status(
    systems: Systems, loaded: Loaded | None = None, secrets: dict[str, Secret] | None = None
) -> dict[str, Any]:
    """The status of this machine now; drift only where the secrets can be read."""
    loaded = loaded or _load_intent(systems)
    if secrets is None:
        try:
            secrets = resolve_secrets(systems, loaded.intent)
        except ApplianceError:
            secrets = None
    seen = await look(systems, loaded.intent, secrets)
    revision = systems.store.last_revision()
    remarks = (*loaded.notices, *await systems.charon.remarks())
    composing = partial(
        compose_status,
        seen,
        version=__version__,
        revision=revision.number if revision else None,
        daemon=systems.store.load_daemon(),
        warnings=(*_first_boot(), *(f"{remark.where}: {remark.message}" for remark in remarks)),
    )
    return await asyncio.to_thread(composing)


class Teller:
    """The daemon's: one look at a time, and the intent is read anew only when its text is another."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self._turn = asyncio.Lock()
        self._known: tuple[str | None, Loaded] | None = None

    async def tell(self) -> dict[str, Any]:
        """The status of this machine now. Writes nothing, and waits for nobody who does."""
        async with self._turn:
            text = _read_text(self._systems)
            if self._known is None or self._known[0] != text:
                self._known = text, await asyncio.to_thread(_load_intent, self._systems)
            return await read_status(self._systems, self._known[1])


def _read_text(systems: Systems) -> str | None:
    """The intent's text; empty where it is none, which does not change until it is one."""
    try:
        return systems.store.read_intent()
    except SystemFailure:
        return ""


def _load_intent(systems: Systems) -> Loaded:
    """The intent in force: what was applied last when its file is damaged. Without any, on a machine whose first boot
    failed, the hint says why that did."""
    try:
        return load_intent(systems)
    except WrongUsage as empty:
        for sentence in _first_boot():
            raise WrongUsage(empty.message, hint=sentence) from None
        raise
    except (FaultyInput, SystemFailure) as faulty:
        damage, revision = _damage(systems), systems.store.last_revision()
        if damage is None or revision is None or not revision.intent:
            raise
        loaded = parse_loaded(revision.intent, f"revision {revision.number}")
        remark = f"{faulty.message} ({damage}); revision {revision.number} stays in force"
        return replace(loaded, notices=(Notice("intent", remark), *loaded.notices))


def _damage(systems: Systems) -> str | None:
    """Why the intent's file cannot be read at all; None when somebody wrote it so."""
    try:
        parse_tree(_read_text(systems) or "")
    except Unreadable as unreadable:
        return str(unreadable)
    return None


def _first_boot() -> tuple[str, ...]:
    """What was wrong with user-data, on a machine that was to be configured by it."""
    note = Seed().note()
    return (
        () if note is None or note.done else (f"first boot: {note.error}; `appliance first-boot --again` shows it all",)
    )
