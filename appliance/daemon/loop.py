"""Keeps a machine what its last applied intent says: looks every few seconds, and changes only what differs.

A hand-edited intent file means nothing here until `apply`: what counts is the last revision.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from appliance.daemon.converge import carry_out
from appliance.daemon.passes import (
    Loaded,
    Prepared,
    answering,
    make_wish,
    parse_loaded,
    prepare,
    refuse_strangers,
    resolve_secrets,
)
from appliance.daemon.protecting import learn
from appliance.daemon.wiring import Systems
from appliance.ipsec.retry import Book
from appliance.model.fault import ApplianceError, SystemLacks

EVERY = 2.0  # seconds between two looks

Log = Callable[[str], None]


async def keep_converged(systems: Systems, log: Log, stop: asyncio.Event) -> None:
    """Pass after pass until told to stop. What fails is logged once, and tried again at the next look."""
    said: str | None = None
    book: Book = {}
    with systems.store.daemon(datetime.now(UTC)):
        log("running")
        while not stop.is_set():
            try:
                changed = await converge_once(systems)
                book = await tend_tunnels(systems, book)
                news = f"{changed} changes made" if changed else None
            except ApplianceError as error:
                news = None if error.code == "locked" else error.message
            if news and news != said:
                log(news)
            said = news
            await _pause(stop)


async def converge_once(systems: Systems) -> int:
    """One pass over the last applied intent; how many changes it made. Raises what hindered it."""
    revision = systems.store.last_revision()
    if revision is None or not revision.intent:
        return 0
    loaded = parse_loaded(revision.intent, f"revision {revision.number}")
    if not (await _look(systems, loaded)).changes:
        return 0
    with systems.store.lock():
        prepared = await _look(systems, loaded)  # again: another writer may just have done it
        if not prepared.changes or systems.store.last_revision() != revision:
            return 0
        await refuse_strangers(systems, prepared, adopt=False)
        report = await carry_out(prepared.changes, await answering(systems, prepared.desired))
    if report.failed:
        raise ApplianceError(f"{report.failed[0].change.resource.key}: {report.failed[0].error}")
    return len(report.outcomes)


async def _look(systems: Systems, loaded: Loaded) -> Prepared:
    """What differs now, with what was learned since the last look."""
    secrets = resolve_secrets(systems, loaded.intent)
    wish = await make_wish(systems, loaded.intent, secrets)
    if wish.tunnels and await learn(systems, wish):
        wish = await make_wish(systems, loaded.intent, secrets)
    return await prepare(systems, wish)


async def tend_tunnels(systems: Systems, book: Book) -> Book:
    """Call tunnels that stand idle: after a refusal, or a goodbye of the cloud's, charon itself leaves them so."""
    try:
        return await systems.charon.tend(book)
    except SystemLacks:  # a pass has said so if anything needs charon
        return {}


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(EVERY):
            await stop.wait()
    except TimeoutError:
        return
