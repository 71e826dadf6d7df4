"""Orders and answers as lines of JSON, version 2. What is not exactly of that shape is refused.

A client sends one line and reads until ``done``, ``status`` or ``error``; ``made`` tells of a step, ``alive`` only that
there is still somebody. An order may carry keys: its line is for the socket and for nothing else. A question carries
nothing and changes nothing: :mod:`appliance.control.asking` asks it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_network
from typing import Any, TypeVar

from appliance.control.asking import VERSION
from appliance.control.failure import error_as_data, parse_error
from appliance.control.standing import Standing, digest_of
from appliance.model.address import IPNetwork
from appliance.model.fault import ApplianceError
from appliance.model.order import Commit, Drain, Learn, Made, Order, Pin, Restart, Undrain
from appliance.model.secret import Secrets

LONGEST = 64 << 20
"""Bytes of a line: an intent of some thousand tunnels, twice, has a few million."""

KINDS: Mapping[str, type] = {
    "commit": Commit, "learn": Learn, "drain": Drain, "undrain": Undrain, "pin": Pin, "restart": Restart,
}  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """The last line: every step."""

    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Alive:
    """It goes on."""


@dataclass(frozen=True, slots=True)
class Told:
    """The last line for who asked: how things stand."""

    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """How do things stand? From a program of this version, which shows the answer as its own."""

    program: str


Answer = Made | Done | Told | Alive | ApplianceError


class Unreadable(ValueError):
    """A line that is not of this protocol. Never quotes it: it may hold a key."""


def render_order(order: Order) -> str:
    """The line, its end included."""
    kind = next(name for name, type_ in KINDS.items() if isinstance(order, type_))
    return json.dumps({"version": VERSION, "order": kind, **_fields(order)}) + "\n"


def parse_line(line: str, standing: Standing | None = None) -> Order | Question:
    """What :func:`render_order` wrote, or :func:`~appliance.control.asking.render_question`. Raises SystemFailure for
    an order that changes another intent than the one that is ``standing``."""
    standing = standing or Standing(lambda: None)
    value = _order(line, standing)
    version, kind = value.pop("version", None), value.pop("order", None)
    if version != VERSION:
        raise Unreadable(f"of version {version if isinstance(version, int) else 'unknown'}, not {VERSION}")
    if kind is None and value.pop("question", None) == "status":
        return _read(value, Question, lambda v: Question(_text(v["program"])))
    match kind:
        case "commit":
            return _read(value, Commit, partial(_commit, standing))
        case "learn":
            return _read(value, Learn, lambda _: Learn())
        case "drain":
            return _read(value, Drain, lambda v: Drain(_text(v["tunnel"]), _maybe(v["until"], _time)))
        case "undrain":
            return _read(value, Undrain, lambda v: Undrain(_text(v["tunnel"])))
        case "pin":
            return _read(value, Pin, lambda v: Pin(_text(v["connection"]), _maybe(v["tunnel"], _text)))
        case "restart":
            return _read(value, Restart, lambda v: Restart(_text(v["tunnel"])))
    raise Unreadable("an order of no known kind")


def render_answer(answer: Answer) -> str:
    """The line, its end included."""
    match answer:
        case Alive():
            value: dict[str, Any] = {"alive": True}
        case Made():
            value = {"made": asdict(answer)}
        case Done():
            value = {"done": [asdict(one) for one in answer.made]}
        case Told():
            value = {"status": dict(answer.status)}
        case ApplianceError():
            value = {"error": error_as_data(answer)}
    return json.dumps(value) + "\n"


def parse_answer(line: str) -> Answer:
    """What :func:`render_answer` wrote."""
    value = _object(line)
    if len(value) != 1:
        raise Unreadable("not an answer")
    ((kind, body),) = value.items()
    try:
        match kind:
            case "alive":
                return Alive()
            case "made":
                return _made(body)
            case "done":
                return Done(tuple(_made(one) for one in body))
            case "error":
                return parse_error(body)
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable("not an answer") from error
    raise Unreadable("not an answer")


def _fields(order: Order) -> dict[str, Any]:
    match order:
        case Commit():
            plain = {name: getattr(order, name) for name in ("text", "summary", "replaces", "adopt")}
            plain["seen"] = None if order.seen is None else digest_of(order.seen)
            plain["text"] = order.text if order.seen is None else _difference(order.seen, order.text)
            named = ("fresh", "dropped", "down", "unprotected", "forgotten")
            plain |= {name: sorted(getattr(order, name)) for name in named}
            plain["secrets"] = {name: secret.reveal() for name, secret in order.secrets.items()}
            plain["remembered"] = {name: [str(net) for net in nets] for name, nets in order.remembered.items()}
            return plain
        case Learn():
            return {}
        case Drain():
            return {"tunnel": order.tunnel, "until": order.until.isoformat() if order.until else None}
        case Pin():
            return {"connection": order.connection, "tunnel": order.tunnel}
        case Undrain() | Restart():
            return {"tunnel": order.tunnel}


def _commit(standing: Standing, value: Mapping[str, Any]) -> Commit:
    seen = _maybe(value["seen"], lambda digest: standing.named(_text(digest)))
    return Commit(
        text=_text(value["text"]) if seen is None else _other(seen, value["text"]),
        summary=_text(value["summary"]),
        seen=seen,
        replaces=_flag(value["replaces"]),
        secrets=value["secrets"] if isinstance(value["secrets"], Secrets) else Secrets(value["secrets"]),
        fresh=_names(value["fresh"]),
        dropped=_names(value["dropped"]),
        down=_names(value["down"]),
        unprotected=_names(value["unprotected"]),
        adopt=_flag(value["adopt"]),
        remembered={_text(name): _networks(networks) for name, networks in value["remembered"].items()},
        forgotten=_names(value["forgotten"]),
    )


def _difference(text: str, other: str) -> list[object]:
    """Another text by how much it begins and ends alike, and what is in between: of two intents of a thousand tunnels
    one is enough."""
    least = min(len(text), len(other))
    head = _alike(least, lambda size: text.startswith(other[:size]))
    tail = _alike(least - head, lambda size: text.endswith(other[len(other) - size :]))
    return [head, other[head : len(other) - tail], tail]


def _alike(most: int, fits: Callable[[int], bool]) -> int:
    """The largest size that fits; every smaller one does too."""
    return bisect_right(range(1, most + 1), False, key=lambda size: not fits(size))


def _other(text: str, value: object) -> str:
    match value:
        case [int() as head, str() as middle, int() as tail] if 0 <= head <= len(text) - tail <= len(text):
            return "".join((text[:head], middle, text[len(text) - tail :]))
    raise TypeError


def _read(value: Mapping[str, Any], kind: type[T], make: Callable[[Mapping[str, Any]], T]) -> T:
    """Exactly the fields of this kind, each of its type."""
    wanted = set(getattr(kind, "__slots__", ()))
    if value.keys() != wanted:
        raise Unreadable(f"not the fields of a {kind.__name__.lower()}")
    try:
        return make(value)
    except (TypeError, ValueError, AttributeError):
        raise Unreadable(f"a field of a {kind.__name__.lower()} is not what it should be") from None


_SECRETS = '"secrets": '
"""Stands in no text: there a quote has a mark before it."""


def _order(line: str, standing: Standing) -> dict[str, Any]:
    """Most of a long order are its secrets. Spelled as last time they are the ones of last time: that is seen in a
    fraction of the time that reading a thousand takes."""
    begin = line.find(_SECRETS + "{") + len(_SECRETS)
    if begin < len(_SECRETS):
        return _object(line)
    spelled, secrets = standing.secrets
    if not spelled or not line.startswith(spelled, begin):
        try:
            values, end = json.JSONDecoder().raw_decode(line, begin)
            spelled, secrets = standing.secrets = line[begin:end], Secrets(values)
        except (ValueError, RecursionError, TypeError):
            return _object(line)  # which tells what is wrong with it
    value = _object(f"{line[:begin]}null{line[begin + len(spelled) :]}")
    return {**value, "secrets": secrets} if value.get("secrets", spelled) is None else value


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _maybe(value: object, read: Callable[[object], T]) -> T | None:
    return None if value is None else read(value)


def _time(value: object) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError
    return at


def _names(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise TypeError
    return frozenset(_text(one) for one in value)


def _networks(value: Iterable[object]) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(_text(one)) for one in value)


def _made(value: Mapping[str, Any]) -> Made:
    return Made(_text(value["verb"]), _text(value["key"]), _maybe(value["error"], _text))
