"""What mail programs, browsers, terminals and shells wrap around a document, taken off again, step by step.

Each step is taken only where its wrapping shows, and leaves every line where it was: what is taken off leaves blanks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

from appliance.vendors.text import Document, parse_document
from appliance.vendors.tree import Unreadable

_ENTITY = re.compile(r"&(?:quot|lt|gt|amp|apos|nbsp|#[0-9]{2,5}|#x[0-9a-fA-F]{2,4});")
_TAGS = "html|head|body|pre|code|div|span|p|br|table|tbody|tr|td|th|ul|ol|li|b|i|em|strong|font|h[1-6]|meta|link|hr|a"
_TAG = re.compile(
    rf"(?i)</?(?:{_TAGS}|blockquote|script|style|title)(?:\s[^<>]*)?/?>|<!--[^<>]*-->|<!doctype html[^<>]*>"
)
_UNSEEN = re.compile(r"(?i)<(?:script|style|title)\b[^<>]*>[^<]*")
_ROW_ENDS = re.compile(r"(?i)(?:<br ?/?>|</(?:p|div|tr|li)>)(?![ \t]*\n)")
_ENCODED = re.compile(r"=([0-9A-F]{2})")
_NOT_ENCODED = re.compile(r"=(?![0-9A-F]{2}|\n)")
_QUOTED = re.compile(r"^[ \t]*>(?:[ \t]?>)* ?", re.MULTILINE)
_BARS = frozenset("|│┃║")
_BORDER = frozenset("|│┃║+-=─━═┌┬┐├┼┤└┴┘╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋ ")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[nrt\"'\\/])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_FENCE = ("```", "~~~")
_ELEMENT = re.compile(r"<([A-Za-z_][A-Za-z0-9_.:-]*)(?:\s[^<>]*)?>")
_KEY = re.compile(r"[A-Za-z_\"'][A-Za-z0-9_.\"'-]*:(?: |$)|- |-$|---$|[ \t]")
_TRIES = 50
"""How many beginnings of JSON or XML are tried in a document."""


def forms(document: Document) -> Iterator[Document]:
    """The document, then what it is with one wrapping after the other taken off."""
    yield document
    for shows, unwrap in (*_AROUND_LINES, *_WITHIN_LINES):
        if shows(document.source):
            document = _changed(document, unwrap(document.source))
            yield document


def cut_out(document: Document) -> Document | None:
    """The tree that stands in other text, with blank lines for all around it: XML, JSON or, with the least certainty,
    YAML. None when there is none, or when something stands before every line of it."""
    text = document.source
    if any(shows(text) for shows, _ in _AROUND_LINES):
        return None
    part = _xml(text) or _json(text) or _fenced(text) or _yaml(text)
    return None if part is None else _changed(document, part)


def _changed(document: Document, source: str) -> Document:
    return parse_document(document.path, source)


def _shows_encoding(text: str) -> bool:
    """Quoted-printable (RFC 2045, 6.7): every equals sign begins a code or a soft line end, some are equals signs."""
    return "=3D" in text and not _NOT_ENCODED.search(text)


def _decode_quoted(text: str) -> str:
    return _decoded("\n".join(_joined(text.split("\n"))))


def _joined(rows: list[str]) -> Iterator[str]:
    """Lines that were broken are whole again, with empty ones after them instead of their parts."""
    begun, parts = "", 0
    for row in rows:
        if row.endswith("="):
            begun, parts = begun + row[:-1], parts + 1
            continue
        yield begun + row
        yield from [""] * parts
        begun, parts = "", 0
    if parts:
        yield begun


def _decoded(text: str) -> str:
    coded = _ENCODED.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return coded.encode("latin-1").decode()
    except UnicodeError:  # not UTF-8, or characters beside the codes
        return coded


def _shows_quoting(text: str) -> bool:
    """Three lines with ``>`` before them, as a mail program or a shell puts it there."""
    return len(_QUOTED.findall(text)) >= 3


def _remove_quoting(text: str) -> str:
    return _QUOTED.sub("", text)


def _shows_frame(text: str) -> bool:
    """Most lines between two bars, or half of a border."""
    rows = [row for line in text.split("\n") if (row := line.strip())]
    framed = sum(row[0] in _BARS and row[-1] in _BARS and len(row) > 1 for row in rows)
    return framed >= 3 and framed * 2 >= len(rows)


def _remove_frame(text: str) -> str:
    return "\n".join(_unframed(line) for line in text.split("\n"))


def _unframed(line: str) -> str:
    row = line.strip()
    if len(row) < 2 or row[0] not in "|│┃║+┌├└╭╰╔╠╚┏┣┗":
        return line
    if _BORDER.issuperset(row):
        return ""
    return row.strip("|│┃║").removeprefix(" ").rstrip() if row[-1] in _BARS else line


def _shows_html(text: str) -> bool:
    """Escapes or tags of a page."""
    return bool(_ENTITY.search(text) or _TAG.search(text))


def _read_html(text: str) -> str:
    seen = _TAG.sub("", _ROW_ENDS.sub("\n", _UNSEEN.sub("", text)))
    return html.unescape(seen)


def _shows_escapes(text: str) -> bool:
    """A text as a program's notation has it: more ``\\n`` than line ends, or no quote without a backslash."""
    if text.count("\\n") >= 3 and text.count("\\n") > text.count("\n"):
        return True
    return text.count('\\"') >= 4 and text.count('\\"') >= text.count('"') - 2


def _unescape(text: str) -> str:
    bare = text.strip()
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        text = bare[1:-1]
    plain = _ESCAPE.sub(_character, text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPED.get(code, code)


_Step = tuple[Callable[[str], bool], Callable[[str], str]]
_AROUND_LINES: tuple[_Step, ...] = (
    (_shows_encoding, _decode_quoted),
    (_shows_quoting, _remove_quoting),
    (_shows_frame, _remove_frame),
)
_WITHIN_LINES: tuple[_Step, ...] = ((_shows_html, _read_html), (_shows_escapes, _unescape))
"""In this order: whether the wrapping shows, how it goes."""


def _xml(text: str) -> str | None:
    """From the beginning of the first element that also ends to where the last one of its name does."""
    for count, match in enumerate(_ELEMENT.finditer(text)):
        end = text.rfind(f"</{match[1]}>", match.end())
        if end > 0:
            declared = text.rfind("<?xml", max(0, match.start() - 200), match.start())
            return _only(text, [(declared if declared >= 0 else match.start(), end + len(match[1]) + 3)])
        if count == _TRIES:
            break
    return None


def _json(text: str) -> str | None:
    """Every value that begins a line with a bracket and can be read to its end."""
    from appliance.vendors.tree_json import Reader

    kept: list[tuple[int, int]] = []
    at = tries = 0
    while (begun := _bracket(text, at)) is not None and tries < _TRIES:
        tries += 1
        reader = Reader("", text, begun)
        try:
            reader.value("", 0)
        except Unreadable:
            at = begun + 1
        else:
            at = reader.start
            kept.append((begun, at))
    return _only(text, kept) if kept else None


_BRACKET = re.compile(r"^[ \t]*(?=[{\[])", re.MULTILINE)


def _bracket(text: str, at: int) -> int | None:
    match = _BRACKET.search(text, at)
    return match.end() if match else None


def _fenced(text: str) -> str | None:
    """What stands between fences."""
    inside, rows = False, []
    for line in text.split("\n"):
        is_fence = line.lstrip().startswith(_FENCE)
        rows.append(line if inside and not is_fence else "")
        inside ^= is_fence
    return "\n".join(rows) if any(rows) else None


def _yaml(text: str) -> str | None:
    """Lines that look like YAML's: a key, an item, something indented."""
    rows = [line if _KEY.match(line) else "" for line in text.split("\n")]
    return "\n".join(rows) if any(row and not row.isspace() for row in rows) else None


def _only(text: str, kept: list[tuple[int, int]]) -> str:
    """These parts of the text, each on its line."""
    made, at = [], 0
    for begin, end in kept:
        made += ["\n" * text.count("\n", at, begin), text[begin:end]]
        at = end
    return "".join([*made, "\n"])
