"""The ground that injuries are done on: a lab with two tunnels whose host behind the cloud answers streams.

    from injecting import End, Field, inject
    field = Field(ends=..., lan="172.16.20.0/24", prefix="10.1.0.0/16", host="10.1.0.4", outside=("eth1", ...))
    inject(field, "breaking", "killing")

makes every injury of these modules that the field can take a check of the lab. An injury hits whichever tunnel carries
and leaves everything whole; what carried before need not carry after it, for a path that failed waits before it comes
back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from typing import Any

from checking import Failed, check, node, wait_for
from measuring import answered, echoing, streaming, watching
from observing import link_with, paths, sessions, tunnels, verdicts

BOX, LAN, FAR, ROUTER = "gw", "lan", "vpc", "internet"
BOUND = 6000.0
"""ms; generous, for machines of every speed: probes every 100 ms find a cut after 300, a busy core in its own time;
whoever polls needs 12 s and more, BGP's timers 20."""
STRAY = 100.0
"""ms; a busy machine may drop a packet of its own accord; a flow sends one every 40 ms, with BGP every 80."""
PORT = 7100


@dataclass(frozen=True, slots=True)
class End:
    """One tunnel: the cloud's outside address, our inside address, the cloud's, the node at its far end."""

    remote: str
    inside: str
    peer: str
    node: str


@dataclass(frozen=True, slots=True)
class Field:
    """Where injuries are done. ``prefix``: the cloud's. ``outside``: the Internet router's links. ``bgp``: the prefix
    is learned. ``leave`` and ``settle``: how the cloud moves traffic off a tunnel end before it replaces it, and
    back. ``forgive`` has the appliance forget what was done to its tunnels: one that was hurt again and again is held
    back for long."""

    ends: tuple[End, End]
    lan: str
    prefix: str
    host: str
    outside: tuple[str, ...]
    bgp: bool = False
    leave: Callable[[End], None] | None = None
    settle: Callable[[End], None] | None = None
    forgive: Callable[[], None] | None = None


Injury = Callable[[Field], float | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    run: Injury
    timeout: float
    able: Callable[[Field], bool]


_INJURIES: list[_Entry] = []


def injury(timeout: float = 300, able: Callable[[Field], bool] = lambda _: True) -> Callable[[Injury], Injury]:
    """Register an injury, for fields that are able to take it."""

    def register(function: Injury) -> Injury:
        _INJURIES.append(_Entry(function, timeout, able))
        return function

    return register


def inject(field: Field, *kinds: str) -> None:
    """Make checks of the injuries of these modules that this field can take."""
    for kind in kinds:
        import_module(kind)
        for entry in _INJURIES:
            if entry.run.__module__ == kind and entry.able(field):
                check(entry.timeout)(_bound(entry.run, field))


def _bound(run: Injury, field: Field) -> Callable[[], float | None]:
    @wraps(run)
    def bound() -> float | None:
        return run(field)

    return bound


# What stands


def carrying(field: Field) -> frozenset[End]:
    """The tunnels that the appliance's kernel sends to the cloud's prefix over."""
    links = {link_of(end): end for end in field.ends}
    return frozenset(links[link] for link in paths(BOX, field.prefix))


@cache
def link_of(end: End) -> str:
    """The appliance's interface of a tunnel; its name stays as long as the tunnel is configured."""
    return link_with(BOX, end.inside)


def told(field: Field) -> dict[End, dict[str, Any]]:
    """What the appliance's daemon says of the field's tunnels."""
    held = verdicts(BOX)
    return {end: held[name_of(end)] for end in field.ends}


@cache
def name_of(end: End) -> str:
    """What the appliance calls the tunnel."""
    return tunnels(BOX)[end.remote]


def answers(end: End) -> bool:
    """Whether the far end's inside address answers the appliance now."""
    command = ("ping", "-c", "1", "-W", "1", "-I", link_of(end), end.peer)
    return node(BOX).run(*command, ok=False).code == 0


def wait_until_whole(field: Field, timeout: float = 90) -> None:
    """Both tunnels work and are known to: their probes are answered, so that silence means something."""
    wait_for(lambda: all(answers(end) for end in field.ends), timeout, "both far ends to answer", every=0.5)
    if field.bgp:
        wait_for(lambda: all(established(end) for end in field.ends), timeout, "BGP with both far ends", every=0.5)
    wait_for(lambda: all(tunnel["probe"]["state"] == "up" for tunnel in told(field).values()), timeout,
             "the probes of both tunnels to be answered")  # fmt: skip
    wait_for(lambda: carrying(field), timeout, f"a way to {field.prefix}")


def established(end: End) -> bool:
    return bool(sessions(BOX).get(end.peer, {}).get("state") == "Established")


def resets(field: Field) -> int:
    """How often BGP sessions were begun so far."""
    return sum(int(peer["connectionsEstablished"]) for peer in sessions(BOX).values()) if field.bgp else 0


def choose(field: Field) -> tuple[End, frozenset[End]]:
    """The tunnel to injure, one that carries, and those that must carry then."""
    wait_until_whole(field)
    if field.forgive is not None and any(tunnel["state"] == "held" for tunnel in told(field).values()):
        field.forgive()
        wait_until_whole(field)
    now = carrying(field)
    hurt = next(end for end in field.ends if end in now)
    return hurt, frozenset(field.ends) - {hurt}


# What is done


def wire(*words: str) -> None:
    """The Internet router's manners: see far-ends/wire."""
    node(ROUTER).run("/opt/internet/wire", *words)


@contextmanager
def wired(*words: str) -> Iterator[None]:
    """The Internet has these manners while the block runs."""
    wire(*words)
    try:
        yield
    finally:
        wire("open")


def inner(field: Field) -> str:
    """What must never be seen outside: whatever has an address of the LAN, of the cloud's network, or inside a tunnel.
    What routers and hosts tell each other of packets that they could not deliver has none of these."""
    return f"net {field.lan} or net {field.prefix} or net 169.254.0.0/16"


@contextmanager
def traffic(field: Field) -> Iterator[dict[str, Any]]:
    """100 packets a second in four flows, there and back, while the block runs; none of them in clear outside. What
    became of them is filled in after it: ``gap_ms`` there and back, ``there_ms`` our way alone. With BGP there are
    eight flows, since chance spreads them over both tunnels: of four, all come back over the other one in 16 times."""
    count = 8 if field.bgp else 4
    with (
        watching(ROUTER, field.outside, clear=inner(field)) as seen,
        echoing(FAR, PORT) as heard,
        streaming(LAN, field.host, flows=count, rate=100 / count, port=PORT) as result,
    ):
        yield result
    result["there_ms"] = heard["gap_ms"]
    assert not seen.counts["clear"], seen.packets


def wait_until_carried(field: Field, rest: frozenset[End], timeout: float = 30) -> None:
    """Until exactly these carry, and what they carry arrives."""
    wanted = " and ".join(sorted(end.remote for end in rest))
    wait_for(lambda: carrying(field) == rest, timeout, f"{field.prefix} over {wanted}", every=0.2)
    if not field.bgp:
        flows(field)


def flows(field: Field, within: float = 30) -> None:
    """Until half a second's packets all come back."""
    wait_for(lambda: answered(LAN, field.host), within, "traffic to flow")


def gap(field: Field, result: dict[str, Any], most: float = BOUND) -> float:
    """The longest gap that is the appliance's own part: with BGP the cloud finds its way back by itself, when its hold
    time is over."""
    if not result["lost"]:
        raise Failed("nothing was lost: the injury hurt nobody")
    found = float(result["there_ms"] if field.bgp else result["gap_ms"])
    assert found <= most, f"gap {found} ms: {result}"
    return found


def none_lost(result: dict[str, Any]) -> float:
    """No packet was lost."""
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])
