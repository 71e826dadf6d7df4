"""What an operator does to single tunnels while traffic flows, on the ground of ``injecting``: nobody notices."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from checking import Done, Failed, node, wait_for
from injecting import (
    BOX,
    End,
    Field,
    carrying,
    choose,
    flows,
    injury,
    name_of,
    none_lost,
    told,
    traffic,
    wait_until_carried,
    wait_until_whole,
)
from killing import kill_daemon
from observing import charon, sas

KEYS = "/etc/appliance/secrets"


def tunnel(*words: str, ok: bool = True, timeout: float = 180) -> Done:
    """A verb of ``appliance tunnel``, as a script runs it."""
    return node(BOX).run("appliance", "tunnel", *words, "--json", ok=ok, timeout=timeout)


def drain(name: str, *options: str) -> dict[str, Any]:
    """Drained, and the cloud has moved too."""
    result: dict[str, Any] = tunnel("drain", name, "--wait", *options).json()
    assert (result["state"], result["cloud"]["sends"]) == ("drained", False), result
    return result


def is_whole(field: Field, before: frozenset[End]) -> bool:
    """Whether the tunnels carry that did at first."""
    return carrying(field) == before


def spis(end: End) -> set[str]:
    """The inbound SPIs of a tunnel on the appliance."""
    return {child["spi-in"] for sa in sas(BOX) if sa["remote-host"] == end.remote for child in sa["child-sas"]}


@injury(timeout=300)
def a_drained_tunnel(field: Field) -> float:
    """`tunnel drain` moves traffic both ways to the other tunnel, `undrain` takes it back: no packet is lost.

    The last one that works is refused.
    """
    hurt, rest = choose(field)
    before = carrying(field)
    name, other = name_of(hurt), name_of(next(iter(rest)))
    with traffic(field) as result:
        flows(field)
        drain(name)
        assert carrying(field) == rest
        assert told(field)[hurt]["state"] == "drained"
        refused = tunnel("drain", other, ok=False)
        assert (refused.code, refused.json()["error"]["code"]) == (4, "last-tunnel"), refused.out
        assert tunnel("undrain", name).json()["state"] in ("carrying", "standby")
        flows(field)
    wait_until_whole(field)
    if len(before) > 1:
        wait_for(lambda: is_whole(field, before), 30, "both tunnels to carry again")
    return none_lost(result)


@injury(timeout=300)
def a_drain_outlives_the_daemon(field: Field) -> float:
    """A drained tunnel stays so while the daemon is killed and comes back, and `--for` ends it by itself."""
    hurt, rest = choose(field)
    name = name_of(hurt)
    with traffic(field) as result:
        flows(field)
        drain(name)
        kill_daemon()
        wait_for(lambda: told(field)[hurt]["state"] == "drained", 20, "the next daemon to know of the drain")
        assert carrying(field) == rest
        tunnel("drain", name, "--for", "3s")
        wait_for(lambda: told(field)[hurt]["state"] in ("carrying", "standby"), 30, "the drain to end")
        flows(field)
    wait_until_whole(field)
    return none_lost(result)


@injury(timeout=300, able=lambda field: not field.bgp)
def a_switch_by_hand(field: Field) -> float:
    """`tunnel switch` lets the other tunnel carry, and `--back` the best one again. No packet is lost."""
    _, rest = choose(field)
    other = name_of(next(iter(rest)))
    with traffic(field) as result:
        flows(field)
        assert tunnel("switch", other).json()["pinned"]
        wait_until_carried(field, rest)
        assert not tunnel("switch", other, "--back").json()["pinned"]
        flows(field)
    return none_lost(result)


@injury(timeout=300)
def a_restarted_tunnel(field: Field) -> float:
    """`tunnel restart` gives one tunnel new SAs, and leaves those of the other alone. No packet is lost."""
    hurt, rest = choose(field)
    (other,) = rest
    mine, theirs = spis(hurt), spis(other)
    with traffic(field) as result:
        flows(field)
        done = tunnel("restart", name_of(hurt)).json()
        assert done["state"] in ("carrying", "standby"), done
        flows(field)
    assert spis(hurt).isdisjoint(mine)
    assert spis(other) == theirs
    wait_until_whole(field)
    return none_lost(result)


@injury(timeout=420)
def a_rotated_key(field: Field) -> float:
    """`tunnel rotate-psk`, then `set-psk`, change a key, never shown or logged, and no packet is lost."""
    hurt, _ = choose(field)
    name = name_of(hurt)
    with traffic(field) as result:
        flows(field)
        old = key_of(name)
        with rotating(name) as (process, said):
            wait_for(lambda: key_of(name) != old or process.poll() is not None, 120, "the new key to be in place")
            new = key_of(name)
            assert new != old, f"rotate-psk ended: {process.communicate()}"
            give_far_end(hurt, old, new)
        flows(field)
        give_far_end(hurt, old, old)
        done = node(BOX).run("appliance", "tunnel", "set-psk", name, "--json", given=f"{old}\n", timeout=180)
        assert done.json()["changed"]
        flows(field)
    assert key_of(name) == old
    assert new not in json.dumps(said), "the key was shown"
    log = node(BOX).log + node(BOX).run("cat", "/var/log/charon.log").out
    assert new not in log, "the key was logged"
    wait_until_whole(field)
    return none_lost(result)


@contextmanager
def rotating(name: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A rotation at work while the block runs; what it said is filled in after it, and it must end well."""
    said: dict[str, str] = {}
    command = ("appliance", "tunnel", "rotate-psk", name, "--yes", "--timeout", "120s", "--json")
    process = node(BOX).start(*command, stderr=subprocess.PIPE)
    try:
        yield process, said
        said["out"], said["err"] = process.communicate(timeout=240)
    finally:
        process.kill()
    if process.returncode:
        raise Failed(f"rotate-psk ended with {process.returncode}: {said['err'][-400:]}")


def key_of(name: str) -> str:
    return node(BOX).run("cat", f"{KEYS}/{name}.psk").out.strip()


def give_far_end(end: End, old: str, new: str) -> None:
    """As the cloud's command does: from now on that end takes the new key and no other."""
    far = node(end.node)
    text = far.run("cat", "/etc/swanctl/swanctl.conf").out
    (name,) = re.findall(r"(ike-[\w-]+) \{[^}]*" + re.escape(old), text)
    with charon(end.node) as there:
        owners = re.findall(name + r" \{[^}]*id-1 = (\S+)[^}]*id-2 = (\S+)", text)[0]
        there.load_shared({"id": name, "type": "IKE", "data": new, "owners": list(owners)})
