"""Text to value, one kind of scalar each, and back. What YAML 1.1 would read as something else must be quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from appliance.intent.shape import Misread, Scalar
from appliance.intent.tree import Text

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
DECIMAL = re.compile(r"0|[1-9][0-9]{0,11}")
_DURATION = re.compile(r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
STRING: Mapping[str, Any] = {"type": "string"}


def words(text: Text) -> str:
    """A string. Refuses a plain scalar that YAML reads as a number, a boolean or nothing: another tool would."""
    if text.kind == "null":
        raise Misread("no value")
    if text.kind != "str":
        kind = _KINDS.get(text.kind, text.kind)
        raise Misread(f"YAML reads this as a {kind}, not as text", f'quote it: "{text.value}"')
    return text.value


_KINDS = {"bool": "yes-or-no", "int": "number", "float": "number", "timestamp": "date"}


def whole(text: Text) -> int:
    """A decimal number. Octal, hexadecimal, grouped and sexagesimal ones (YAML 1.1 reads 1:30 as 90) are refused."""
    if text.kind == "null":
        raise Misread("no value")
    if text.kind != "int":
        quoted = text.kind == "str" and DECIMAL.fullmatch(text.value)
        raise Misread("not a whole number", f"without quotes: {text.value}" if quoted else None)
    if not DECIMAL.fullmatch(text.value):
        raise Misread("not a plain decimal number: YAML reads it as another one", _meant(text.value))
    return int(text.value)


def _meant(value: str) -> str:
    stripped = value.lstrip("+0")
    return f"write {stripped}" if DECIMAL.fullmatch(stripped) else "digits only, no leading zero"


def number(low: int, high: int, allowed: str | None = None) -> Scalar:
    """A whole number within bounds."""

    def parse(text: Text) -> int:
        value = whole(text)
        if not low <= value <= high:
            raise Misread("out of range")
        return value

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(allowed or f"{low} to {high}", parse, schema, low, int)


def choice(*values: str, placeholder: str | None = None) -> Scalar:
    """One of some words. For a faulty one, the first stands in unless said otherwise."""

    def parse(text: Text) -> str:
        if text.kind == "str" and text.value in values:
            return text.value
        lowered = text.value.lower()
        raise Misread("not one of the values", f"write {lowered}" if lowered in values else None)

    return Scalar(", ".join(values), parse, {"enum": list(values)}, values[0] if placeholder is None else placeholder)


def pattern(regex: str, allowed: str, placeholder: str = "", most: int = 255) -> Scalar:
    """Text that fully matches, of ``most`` characters."""
    compiled = re.compile(regex)

    def parse(text: Text) -> str:
        value = words(text)
        if not compiled.fullmatch(value):
            raise Misread("not allowed here")
        if len(value) > most:
            raise Misread(f"{len(value)} characters")
        return value

    schema = {"type": "string", "pattern": f"^(?:{regex})$(?!\\n)", "maxLength": most}
    return Scalar(allowed, parse, schema, placeholder)


def name(most: int = 40) -> Scalar:
    """A name that the kernel, charon, FRR and nft all take as one word."""
    return pattern(NAME, f"letters, digits, . _ -, beginning with a letter or digit, at most {most}", most=most)


def from_text(allowed: str, parse_value: Callable[[str], Any], placeholder: Any) -> Scalar:
    """A scalar whose text ``parse_value`` reads; a ValueError of it is the misreading."""

    def parse(text: Text) -> Any:
        value = words(text)
        try:
            return parse_value(value)
        except ValueError as error:
            raise Misread(f"not {allowed.split(' like ')[0]}", _fix_of(error)) from None

    return Scalar(allowed, parse, STRING, placeholder)


class Fixable(ValueError):
    """A ValueError that knows what was meant."""


def _fix_of(error: ValueError) -> str | None:
    return str(error) if isinstance(error, Fixable) else None


def _flag(text: Text) -> bool:
    if text.kind == "bool" and text.value in ("true", "false"):
        return text.value == "true"
    if text.kind == "bool":
        raise Misread("only some YAML readers take this for yes or no", f"write {_TRUTH[text.value.lower()]}")
    raise Misread("not true or false", f"without quotes: {text.value}" if text.value in ("true", "false") else None)


_TRUTH = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}

FLAG = Scalar("true, false", _flag, {"type": "boolean"}, False, bool)


def duration(low: int, high: int) -> Scalar:
    """Whole seconds: a number, or a number with s, m, h or d."""

    def parse(text: Text) -> int:
        seconds = whole(text) if text.kind == "int" else _seconds(text)
        if not low <= seconds <= high:
            raise Misread("out of range")
        if seconds != int(seconds):
            raise Misread("not whole seconds")
        return int(seconds)

    whole_number = {"type": "integer", "minimum": low, "maximum": high}
    return Scalar(
        f"{low}s to {high}s, as seconds or like 60s, 5m, 8h",
        parse,
        {"anyOf": [whole_number, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]},
        low,
        int,
    )


def _seconds(text: Text) -> float:
    found = _DURATION.fullmatch(words(text))
    if not found:
        raise Misread("not a duration")
    return round(int(found[1]) * _UNITS[found[2]], 3)


def _interval(text: Text) -> float:
    seconds = float(whole(text)) if text.kind == "int" else _seconds(text)
    if not 0.01 <= seconds <= 3600:
        raise Misread("out of range")
    return seconds


INTERVAL = Scalar(
    "10ms to 1h, like 100ms or 1s",
    _interval,
    {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^(?:{_DURATION.pattern})$"}]},
    1.0,
    lambda seconds: f"{round(seconds * 1000)}ms",
)


def keyword(word: str, value: Any) -> Scalar:
    """One word that stands for ``value``."""
    single = choice(word)

    def parse(text: Text) -> Any:
        single.parse(text)
        return value

    return Scalar(word, parse, {"const": word}, value, lambda _: word)


PROPOSAL = pattern(r"[a-z0-9_]+(-[a-z0-9_]+)*", "strongSwan's keywords like aes256-sha256-modp2048", most=200)
PATH = pattern(r"[A-Za-z0-9._+@/-]+", "a path of letters, digits and . _ + @ / -", most=1024)
IDENTITY = pattern(
    r"[A-Za-z0-9.:@%_=,+*/-]([A-Za-z0-9.:@%_=,+*/ -]*[A-Za-z0-9.:@%_=,+*/-])?",
    "an address, a name or a distinguished name: letters, digits and . : @ % _ = , + * / - and spaces within",
)
LABEL = pattern(
    r"[A-Za-z0-9/]([A-Za-z0-9._:/ -]*[A-Za-z0-9._:/-])?", "letters, digits, . _ : / - and spaces, at most 512", most=512
)
INTERFACE = pattern(NAME, "an interface name: letters, digits, . _ -, at most 15", most=15)
VARIABLE = pattern(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _")
