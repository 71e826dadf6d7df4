"""Devices' notations to one: statements, each with all its words from the outermost section on.

``set a b c``, ``edit a b`` and ``set c`` below it, ``a { b { c; } }``: all are the statement ``a b c``. Comments and
prose are passed over; nesting is told by words and brackets, never by blanks, which mail and wikis lose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.vendors.text import Document, Line

_TOKEN = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\s\"';]+)|(;)")
_MARKS = re.compile("[\"';]")
_HEADING = re.compile(r"(?i)[!#* -]*IPSec Tunnel ?[#!] ?(\d{1,2})\b.*")
_PIECES = 6  # of one line, at most
_LEAST, _MOST = 68, 80
"""Characters: a line that a mail program broke has at most the one, and with the next word had more than the other."""


@dataclass(frozen=True, slots=True)
class Statement:
    """``words`` with quotes taken off, the ``line`` they stand on, and the number of the heading ``IPSec Tunnel #n``
    above them, 0 for none. ``is_open``: a quote in it is never closed, so its last word may be part of one."""

    words: tuple[str, ...]
    line: int
    section: int
    is_open: bool = False


def sectioned(document: Document, starts: re.Pattern[str]) -> Iterator[tuple[Line, int]]:
    """The lines that are no comment with the number of their section; lines that a mail program broke are one again,
    unless the further one matches ``starts``: a line of its own."""
    section = 0
    for line in rejoined(document.lines, starts):
        if match := _HEADING.fullmatch(line.text):
            section = int(match[1])
        elif line.text and line.text[0] not in "!#":
            yield line, section


def rejoined(lines: Iterable[Line], starts: re.Pattern[str]) -> Iterator[Line]:
    """The lines, broken ones (comments too) as one, of at most ``_PIECES``."""
    pieces: list[Line] = []
    for line in lines:
        broken = pieces and _is_broken(pieces[-1].text, line.text) and not starts.match(line.text)
        if pieces and (not broken or len(pieces) == _PIECES):
            yield _whole(pieces)
            pieces = []
        pieces.append(line)
    if pieces:
        yield _whole(pieces)


def _whole(pieces: list[Line]) -> Line:
    return Line(pieces[0].number, " ".join(piece.text for piece in pieces))


def _is_broken(text: str, further: str) -> bool:
    word = further.partition(" ")[0]
    return bool(word) and len(text) <= _MOST and len(text) + 1 + len(word) > _LEAST


def words_of(text: str) -> tuple[tuple[str, ...], bool]:
    """The words, quotes taken off, up to a semicolon; and whether a quote is never closed."""
    if not _MARKS.search(text):
        return tuple(text.split()), False
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if not text[at].isspace():
                return (*found, text[at:]), True
            at += 1
            continue
        if match[4]:
            break
        found.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return tuple(found), False


_SET_STARTS = re.compile(
    r"[!#/}\[]|.*\{$|(\S*[#>$] ?)?(set|edit|top|up|exit|commit|save|delete|configure|run|show|quit)\b"
)
_TREES = frozenset({"network", "security", "vpn"})
_PROMPT = re.compile(r"^\S*[@>#$]\S*[#>$] (?=[a-z])")


def set_lines(document: Document) -> list[Statement]:
    """``set`` and ``edit`` lines, and sections in brackets, of Vyatta, VyOS, Junos and PAN-OS."""
    reader = _SetReader()
    for line, section in sectioned(document, _SET_STARTS):
        reader.read(_PROMPT.sub("", line.text, count=1), line.number, section)
    return reader.found


class _SetReader:
    def __init__(self) -> None:
        self.found: list[Statement] = []
        self._edited: list[tuple[str, ...]] = []
        self._sections: list[tuple[str, ...]] = []

    def read(self, text: str, line: int, section: int) -> None:
        verb, _, rest = text.partition(" ")
        if verb == "set":
            self._say(rest, self._edited, line, section)
        elif verb == "edit":
            words = words_of(rest)[0]
            if words[:1] and words[0] in _TREES:
                self._edited.clear()  # from the root: a "top" was forgotten, as in AWS's download for PAN-OS
            self._edited.append(words)
        elif verb in ("top", "configure"):
            self._edited.clear()
        elif verb in ("up", "exit"):
            del self._edited[-1:]
        elif text.endswith("{"):
            self._sections.append(words_of(text[:-1])[0])
        elif text.startswith("}"):
            del self._sections[-1:]
        elif self._sections:
            self._say(text, self._sections, line, section)

    def _say(self, text: str, above: list[tuple[str, ...]], line: int, section: int) -> None:
        words, is_open = words_of(text)
        outer = tuple(word for part in above for word in part)
        if words:
            self.found.append(Statement(outer + words, line, section, is_open))


_CISCO_BLOCK = re.compile(
    r"crypto (isakmp|ikev[12]) (policy|profile|proposal|keyring) \S+|crypto keyring \S+|crypto ipsec profile \S+"
    r"|crypto ipsec (ikev[12] )?(transform-set|ipsec-proposal) \S+.*|crypto map \S+ \d+ ipsec-isakmp.*|interface \S.*"
    r"|router bgp \S+|(tunnel-group|group-policy) \S+ \S*attributes|sla monitor \d+|object(-group)? .*"
    r"|ip access-list .*"
)
_CISCO_TOP = re.compile(
    r"crypto |interface |router |tunnel-group |group-policy |access-list |sysopt |icmp |sla |object |hostname |nat "
    r"|ip (route|sla|access-list|nat|prefix-list|dhcp|name-server|domain|http|ssh|forward-protocol) |line |route "
    r"|username |version |route-map |end$"
)
_CISCO_STARTS = re.compile(
    rf"!|{_CISCO_TOP.pattern}|exit|no |encr|auth|group |lifetime |hash |local-address|pre-shared|match |keyring |mode "
    r"|set |ip |tunnel |neighbor |address|network |ikev[12] |isakmp |peer |integrity |prf |proposal |dpd |identity "
    r"|default-"
)


def cisco_lines(document: Document) -> list[Statement]:
    """Commands of IOS, IOS XE and ASA: those within a block begin with the words that open it."""
    found: list[Statement] = []
    block: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    family = False
    for line, section in sectioned(document, _CISCO_STARTS):
        text = line.text
        words, is_open = words_of(text.partition(" ! ")[0])
        if not words:
            continue
        if text == "exit" or re.match(r"exit-address-family", text):
            block, inner, family = (block, (), False) if inner or family else ((), (), False)
        elif _CISCO_TOP.match(text):
            block, inner = (words, ()) if _CISCO_BLOCK.fullmatch(text) else ((), ())
            if not block or "transform-set" in words:
                found.append(Statement(words, line.number, section, is_open))
        elif block and words[0] == "address-family":
            family = True
        elif block and words[0] == "peer" and block[:3] == ("crypto", "ikev2", "keyring"):
            inner = words
        elif block and words[0] != "no":
            found.append(Statement(block + inner + words, line.number, section, is_open))
    return found


_FORTI_STARTS = re.compile(r"[!#]|(config|edit|set|unset|next|end|show|get)\b")
_FORTI_TOP = frozenset(
    {
        "system",
        "vpn",
        "router",
        "firewall",
        "global",
        "vdom",
        "user",
        "log",
        "webfilter",
        "application",
        "switch-controller",
    }
)


def forti_lines(document: Document) -> list[Statement]:
    """FortiOS's ``config`` / ``edit`` / ``set``. A ``config`` of its own begins anew where an ``end`` was forgotten."""
    found: list[Statement] = []
    above: list[tuple[str, ...]] = []
    for line, section in sectioned(document, _FORTI_STARTS):
        verb, _, rest = line.text.partition(" ")
        words, is_open = words_of(re.split(r" +! ?", rest)[0])
        if verb == "config":
            above = [words] if words and words[0] in _FORTI_TOP else [*above, words]
        elif verb == "edit":
            above.append(("edit", *words))
        elif verb == "next":
            if above and above[-1][:1] == ("edit",):
                above.pop()
        elif verb == "end":
            while above and above.pop()[:1] == ("edit",):
                pass
        elif verb == "set" and above and words:
            outer = tuple(word for part in above for word in part if word != "edit")
            found.append(Statement(outer + words, line.number, section, is_open))
    return found


_ROUTER_STARTS = re.compile(r"[#/]|(add|set|print|remove)\b")
_PAIR = re.compile(r"([a-z][a-z0-9.-]*)=(\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)")


def routeros_lines(document: Document) -> list[Statement]:
    """RouterOS's ``/path add key=value``: a statement for each pair, its row named by ``name`` or ``peer``, else by its
    line. A backslash at the end goes on with the next line."""
    found: list[Statement] = []
    path: tuple[str, ...] = ()
    for line, section in _continued(sectioned(document, _ROUTER_STARTS)):
        match = re.fullmatch(r"(/[a-z][a-z0-9 -]*?)?(?: ?\b(add|set)\b(?: \[[^\]]*\])? ?(.*))?", line.text)
        if match is None:
            continue
        if match[1]:
            path = tuple(match[1].lstrip("/").split())
        if match[2] and path and "disabled=yes" not in line.text:
            found += _row(path, match[3], line.number, section)
    return found


def _continued(lines: Iterator[tuple[Line, int]]) -> Iterator[tuple[Line, int]]:
    waiting: Line | None = None
    for line, section in lines:
        whole = line if waiting is None else Line(waiting.number, waiting.text + line.text)
        if whole.text.endswith("\\"):
            waiting = Line(whole.number, whole.text[:-1])  # a blank before the backslash stays: it parts two words
        else:
            waiting = None
            yield whole, section


def _row(path: tuple[str, ...], text: str, line: int, section: int) -> Iterator[Statement]:
    is_open = text.count('"') % 2 == 1
    pairs = {
        key: re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value for key, value in _PAIR.findall(text)
    }
    row = pairs.get("name") or pairs.get("peer") or f"line {line}"
    for key, value in pairs.items():
        yield Statement((*path, row, key, value), line, section, is_open)
