"""``appliance tunnel set-psk`` and ``rotate-psk``: another key for one tunnel, while traffic is on the others."""

from __future__ import annotations

import secrets
import string
import sys
from dataclasses import dataclass, replace
from typing import Any

import click

from appliance.cli.operations import (
    OUT_WITHIN,
    Patience,
    confirm_up,
    describe,
    elsewhere,
    heard_as_data,
    listen,
    submit,
    take_out,
)
from appliance.cli.output import say
from appliance.cli.showing import ask, refuse_failure, show_todo, todo_as_data
from appliance.daemon.operating import (
    Place,
    find_tunnel,
    ike_ids,
    is_drained,
    refuse_last,
    require_daemon,
    wait_until_useful,
)
from appliance.daemon.passes import resolve_secrets
from appliance.daemon.wiring import Systems
from appliance.history.phrase import LONGEST, parse_phrase
from appliance.intent.rules import check_psk
from appliance.ipsec.charon import Listener
from appliance.model.fault import ApplianceError, Fault, FaultyInput, Refused, Reverted, SystemFailure, WrongUsage
from appliance.model.intent import SecretRef
from appliance.model.order import Commit, Undrain
from appliance.model.secret import Secret
from appliance.todo.keys import key_task
from appliance.todo.task import Task

LENGTH = 32
"""Characters of a key that we draw: 190 bits of letters and digits, which every cloud takes."""
QUIET_WITHIN = 120.0
"""Seconds that the cloud has to send elsewhere before a key is changed."""
BACK_WITHIN = 60.0
"""Seconds in which the tunnel must be up with the old key again."""
SENDS = "cloud-still-sends"
"""The safety rule: no key is changed under traffic that would be lost."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The tunnel's old key and its new one, among those of all tunnels."""

    all: dict[str, Secret]
    old: Secret
    new: Secret


def read_key(name: str) -> Secret:
    """A key from standard input, or asked for twice where a person sits; never shown."""
    if sys.stdin.isatty():
        text = click.prompt(f"new pre-shared key of {name}", hide_input=True, confirmation_prompt=True, err=True)
        raw = str(text).encode()
    else:
        raw = sys.stdin.buffer.read(LONGEST + 1)
    found = parse_phrase(raw, SecretRef("standard input", "-"))
    if isinstance(found, Fault):
        raise FaultyInput("the key cannot be used", hint="nothing was changed", faults=(found,))
    return found


def draw_key() -> Secret:
    """A new key. It begins with a letter: AWS takes none that begins with 0."""
    alphabet = string.ascii_letters + string.digits
    rest = (secrets.choice(alphabet) for _ in range(LENGTH - 1))
    return Secret(secrets.choice(string.ascii_letters) + "".join(rest))


async def change_key(systems: Systems, name: str, key: Secret, patience: Patience) -> dict[str, Any]:
    """Our side alone."""
    place = find_tunnel(systems, name)
    keys = _keys(systems, place, key)
    if keys.new == keys.old:
        say(f"{name} has this key already", fg="green")
        return {**await describe(systems, place), "changed": False}
    await refuse_last(systems, place, patience.allowed)
    async with systems.charon.listen() as heard, elsewhere(systems, place, patience):
        before = await _put(systems, place, keys.all, keys.new)
        await confirm_up(systems, place, before, heard, patience.timeout)
    return {**await describe(systems, place), "changed": True}


async def rotate_key(systems: Systems, name: str, key: Secret | None, yes: bool, patience: Patience) -> dict[str, Any]:
    """Both sides: drain, change, tell what to do on the cloud's, wait, verify, undrain."""
    require_daemon(systems)
    place = find_tunnel(systems, name)
    keys = _keys(systems, place, key or draw_key())
    task = key_task(place.connection, place.tunnel, str(_key_file(systems, place)))
    await refuse_last(systems, place, patience.allowed)
    _show_steps(place, patience.timeout)
    ask(f"Give {name} a new key?", yes)
    was_drained = is_drained(systems, name)
    if not was_drained:
        await take_out(systems, place, None, patience.allowed)
    try:
        heard = await listen(systems, place, QUIET_WITHIN)
        if heard.packets and SENDS not in patience.allowed:
            message = f"the cloud still sends over {name}, {heard.packets} packets in {heard.seconds:.0f} s"
            raise Refused(message, hint=f"let it send elsewhere first, or --allow {SENDS}", code=SENDS)
        await _exchange(systems, place, keys, task, patience.timeout)
    finally:
        if not was_drained:
            await submit(systems, Undrain(name))
    state = await wait_until_useful(systems, place, OUT_WITHIN)
    say(f"{name} has a new key and is {state.state}", fg="green")
    return {**await describe(systems, place), "changed": True, "cloud": heard_as_data(heard),
            "todo": todo_as_data([task])}  # fmt: skip


def _show_steps(place: Place, timeout: float) -> None:
    others = " and ".join(one.name for one in place.connection.tunnels if one.name != place.name)
    say("The plan:", bold=True)
    say(f"  1. drain {place.name}: traffic goes over {others or 'nothing'}, and the cloud sends nothing over it")
    say("  2. put a new key in place here; the old one is kept until the end")
    say(f"  3. you give the cloud the new key, within {timeout:.0f} s")
    say(f"  4. {place.name} comes up with it and rekeys once; then it is used again")


async def _exchange(systems: Systems, place: Place, keys: Keys, task: Task, timeout: float) -> None:
    """The new key, and the old one again when the cloud does not get it."""
    async with systems.charon.listen() as heard:
        before = await _put(systems, place, keys.all, keys.new)
        show_todo([task])
        try:
            await confirm_up(systems, place, before, heard, timeout)
            await _rekey(systems, place)
        except ApplianceError as failure:
            await _put_back(systems, place, keys, heard, failure)


async def _put_back(systems: Systems, place: Place, keys: Keys, heard: Listener, failure: ApplianceError) -> None:
    """To be up with the old key is better than to wait for the new one; unless the cloud has it already."""
    say(f"{failure.message}; the old key is put back", fg="yellow")
    before = await _put(systems, place, keys.all, keys.old)
    try:
        await confirm_up(systems, place, before, heard, BACK_WITHIN)
    except ApplianceError as still:
        hint = f"compare both sides; `appliance tunnel set-psk {place.name}` sets the key that the cloud has"
        raise SystemFailure(
            f"{place.name} is up with neither key: {still.message}", hint=hint, code=still.code
        ) from None
    hint = "give the cloud the key when it is asked for, or more time by --timeout"
    raise Reverted(f"{failure.message}: the old key is in place again", hint=hint, code=failure.code)


async def _put(systems: Systems, place: Place, known: dict[str, Secret], key: Secret) -> frozenset[int]:
    """Have the key written, loaded and used; the SAs from before it. The intent stays what it is."""
    store, down = systems.store, systems.store.load_down()
    before = await ike_ids(systems, place.name)
    order = Commit(
        place.loaded.text,
        f"new key for {place.name}",
        store.read_intent(),
        replaces=False,
        secrets={**known, place.name: key},
        fresh=frozenset({place.name}),
        down=down.names,
        unprotected=down.unprotected,
    )
    refuse_failure(await submit(systems, order))
    return before


async def _rekey(systems: Systems, place: Place) -> None:
    rekeyed = await systems.charon.rekey_child(place.name)
    if not rekeyed.done:
        raise SystemFailure(f"{place.name} came up, but its child SA cannot be rekeyed", code="rekey-refused")
    say(f"  {place.name}: child rekeyed", fg="green")


def _keys(systems: Systems, place: Place, new: Secret) -> Keys:
    """Refuses a key that its cloud cannot have, and one that is not kept here."""
    ref = place.tunnel.psk
    own = SecretRef("file", f"secrets/{place.name}.psk")
    if ref is not None and ref != own:
        hint = "change it there, then `appliance apply`"
        raise WrongUsage(f"the key of {place.name} is kept elsewhere ({ref.kind} {ref.name})", hint=hint)
    if faults := check_psk(new, place.connection.cloud, f"{place.name}.psk"):
        faults = tuple(replace(fault, file=None) for fault in faults)
        raise FaultyInput(f"{place.connection.cloud} takes no such key", hint="nothing was changed", faults=faults)
    known = resolve_secrets(systems, place.loaded.intent)
    return Keys(known, known[place.name], new)


def _key_file(systems: Systems, place: Place) -> Any:
    return systems.store.config_dir / "secrets" / f"{place.name}.psk"
