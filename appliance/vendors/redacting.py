"""A document with everything replaced that belongs to somebody, so that it can be shown to others.

Keys, addresses, AS numbers, identifiers, account numbers, names and mail addresses become fakes: the same for the same,
of the same shape, so that the result is read like the original. Works on the text, not on a format: what no parser
knows is redacted too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.model.document import ImportReport
from appliance.vendors.fake_addresses import FakeAddresses, is_address
from appliance.vendors.psk import is_stand_in

_KEY = re.compile(
    r"(?i)((?:pre[-_ ]?shared[-_ ]?(?:key|secret)|shared[-_ ]?(?:secret|key)|\bpsk|\bsecret|password|passphrase)\w*"
    r"(?:[ \t]+address[ \t]+[\d.a-fA-F:]+)?"
    r"(?:[ \t]+(?:ascii-text|key|value|0|local|remote))*[\"'\\]{0,3}[ \t]*[:=>]{0,2}[ \t]*[\"'\\]{0,3})"
    r"([^\s\"'\\<>,;{}]{6,128})"
)
_IDENTIFIER = re.compile(r"\b([a-z]{1,12}-)([0-9a-f]{17}|[0-9a-f]{8}|(?=[a-z]*[0-9])[a-z0-9]{12,28})\b")
_OCID = re.compile(r"\b(ocid1\.[a-z0-9]+\.[a-z0-9]*\.[a-z0-9-]*\.)([a-z0-9]{8,80})\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ACCOUNT = re.compile(r"(?<![\w.-])()(\d{12}|\d{16}|\d{17,20})(?![\w.])")
_MAIL = re.compile(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}\b")
_HOST = re.compile(r"(?<![\w@/.-])()((?:[A-Za-z0-9-]{1,63}\.){1,6}(?:com|net|org|io|local|internal|lan|corp|de|cn))\b")
_SEGMENT = re.compile(r"((?:projects|subscriptions|resourceGroups|tenancies)/)([A-Za-z0-9._()-]{1,90})")
_CLOUDS = re.compile(r"(?:^|\.)(?:amazonaws|amazon|aws|aliyun|aliyuncs|alibabacloud|google|googleapis|azure|windows|"
                     r"microsoft|oracle|oraclecloud|terraform|hashicorp|w3|github|example)\.\w+$")  # fmt: skip
_ASNS = re.compile(r"(?i)asn|bgp|as[_-]?number|(?:remote|local|peer)[_-]as|autonomous|neighbor")

_EVERYBODYS = frozenset({45104, 64512, 12076, 65515, 16550, 31898})
"""The clouds' own and their defaults: they stay, for a reader may know the cloud by them."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text, and how many different keys, addresses and names were replaced in it."""

    text: str
    keys: int
    addresses: int
    names: int


def redact(text: str, report: ImportReport) -> Redacted:
    """The text with fakes. ``report`` is what was read of it: what it knows as a key or a name is replaced wherever it
    stands, and so is what stands behind the word for a key anywhere in the text."""
    keys = _Fakes(_fake_key)
    names = _Fakes(_fake_name)
    tunnels = [tunnel for connection in report.connections for tunnel in connection.tunnels]
    for tunnel in tunnels:
        if tunnel.psk is not None:
            keys.learn(tunnel.psk.reveal())
    text = keys.replace_known(text)
    text = keys.replace_known(_KEY.sub(lambda match: match[1] + _unless_stand_in(match[2], keys), text))
    addresses = FakeAddresses(text, [tunnel.inside.network for tunnel in tunnels if tunnel.inside is not None])
    for value in _names(report):
        names.learn(value)
    for pattern in (_MAIL, _OCID, _UUID, _IDENTIFIER):
        text = pattern.sub(lambda match: names.of(match[0]), text)
    text = _SEGMENT.sub(lambda match: match[1] + names.of(match[2]), text)
    text = _HOST.sub(lambda match: match[0] if _CLOUDS.search(match[2].lower()) else names.of(match[2]), text)
    text = names.replace_known(text)
    text = addresses.replace(_replace_asns(text, report))
    text = _ACCOUNT.sub(lambda match: match[1] + names.of(match[2]), text)
    return Redacted(text, keys.count, addresses.count, names.count)


def _names(report: ImportReport) -> list[str]:
    """Names as the clouds' users gave them; identifiers are found by their form."""
    found = [value for c in report.connections for value in (c.name, c.customer_gateway, c.cloud_gateway, c.id)]
    found += [t.local_id for c in report.connections for t in c.tunnels] + [
        t.remote_id for c in report.connections for t in c.tunnels
    ]
    clouds = {connection.cloud for connection in report.connections}
    parts = [part for value in found if value for part in value.split("/")[-1:]]
    kept = [part for part in parts if len(part) > 2 and part not in clouds and not is_address(part)]
    return sorted(dict.fromkeys(kept), key=len, reverse=True)


def _unless_stand_in(word: str, keys: _Fakes) -> str:
    """A word of small letters is no key: it is the next word of a setting or of a sentence."""
    is_word = bool(re.fullmatch(r"[a-z-]+[(:.]?", word))
    return word if is_word or is_stand_in(word) or keys.is_fake(word) else keys.of(word)


def _replace_asns(text: str, report: ImportReport) -> str:
    """AS numbers on lines that speak of them, by those of RFC 5398."""
    said = {
        asn for connection in report.connections for asn in (connection.asn, connection.peer_asn) if asn
    } - _EVERYBODYS
    pool = (asn for asn in (*range(64496, 64512), *range(65536, 65552)) if asn not in said)
    fakes = {str(asn): str(fake) for asn, fake in zip(sorted(said), pool, strict=False)}
    fakes |= {f"{asn >> 16}.{asn & 0xFFFF}": fakes[str(asn)] for asn in said if asn >> 16}  # asdot (RFC 5396)
    if not fakes:
        return text
    number = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, fakes))})(?![\w.])")
    rows = text.split("\n")
    return "\n".join(number.sub(lambda m: fakes[m[0]], row) if _ASNS.search(row) else row for row in rows)


class _Fakes:
    """Original -> fake, in the order of first sight."""

    def __init__(self, make: Callable[[str, int], str]) -> None:
        self._make = make
        self._made: dict[str, str] = {}
        self._values: set[str] = set()

    @property
    def count(self) -> int:
        return len(self._made)

    def of(self, original: str) -> str:
        """What stands for it."""
        if original in self._values:
            return original
        if original not in self._made:
            self.learn(original)
        return self._made[original]

    def learn(self, original: str) -> None:
        if original in self._made or original in self._values:
            return
        number = len(self._made) + 1
        while (fake := self._make(original, number)) in self._values or fake == original:
            number += 1
        self._made[original] = fake
        self._values.add(fake)

    def is_fake(self, word: str) -> bool:
        return word in self._values

    def replace_known(self, text: str) -> str:
        """Every one that is known, however the notation writes it; the longest first."""
        spelled = {spelling: fake for word, fake in self._made.items() for spelling in _spellings(word)}
        longest = sorted(spelled, key=len, reverse=True)
        if not longest:
            return text
        known = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![A-Za-z0-9])")
        return known.sub(lambda match: spelled[match[0]], text)


def _spellings(word: str) -> Iterable[str]:
    """As it is, and as JSON, XML and the two within each other write it."""
    made = {word}
    for _ in range(3):
        for spelling in list(made):
            made.add(spelling.replace("\\", "\\\\").replace('"', '\\"'))
            made.add(spelling.replace("\\", "\\\\").replace('"', '\\"').replace("/", "\\/"))
            escaped = spelling.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            made |= {escaped, escaped.replace('"', "&quot;"), escaped.replace('"', "&quot;").replace("'", "&#x27;")}
            made.add(escaped.replace('"', "&#34;").replace("'", "&#39;"))
            made.add(spelling.replace("'", "''"))
            made.add(spelling.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
    return made


def _fake_key(original: str, number: int) -> str:
    """As long, of letters and digits that every cloud takes."""
    head, tail = "Fake.Key.", str(number)
    short = f"Fake{number}"
    whole = f"{head}{tail.rjust(len(original) - len(head), '0')}" if len(original) > 12 else short
    return whole.ljust(8, "x")


def _fake_name(original: str, number: int) -> str:
    """As long and of the same kind: an identifier stays one."""
    if "@" in original:
        return f"user{number}@example.com"
    if _UUID.fullmatch(original):
        return f"00000000-0000-0000-0000-{number:012d}"
    if match := _IDENTIFIER.fullmatch(original) or _OCID.fullmatch(original):
        return f"{match[1]}{_numbered(match[2], number)}"
    if re.fullmatch(r"(?:[a-z0-9]{8}|[a-z0-9]{12,80})", original) and any(char.isdigit() for char in original):
        return _numbered(original, number)
    if "." in original and not re.search(r"[^A-Za-z0-9.-]", original):
        return f"host{number}.example.com"
    return f"name-{number}"


def _numbered(tail: str, number: int) -> str:
    digits = str(number).rjust(len(tail), "0")
    return "1" + digits[1:] if tail.isdigit() else digits  # a number does not begin with zero
