"""What mail programs, browsers, terminals and shells wrap around a document, taken off again, step by step.

Each step is taken only where its wrapping shows, and leaves every line where it was: what is taken off leaves blanks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

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
_HEADER = re.compile(r"(?mi)^content-transfer-encoding: *quoted-printable[ \t]*\n")
_QUOTED = re.compile(r"^[ \t]*>(?:[ \t]?>)* ?", re.MULTILINE)
_TIGHTLY_QUOTED = re.compile(r"^[ \t]*>(?:[ \t]?>)*(?=[^ >\n])", re.MULTILINE)
_BARS = frozenset("|│┃║")
_BORDER = frozenset("|│┃║+-=─━═┌┬┐├┼┤└┴┘╭╮╰╯╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋ ")
_DASHES = frozenset("|│┃║-= ")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[nrt\"'\\/])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_FENCE = ("```", "~~~")
_QUOTES = ("'", '"', "\\")
_ELEMENT = re.compile(r"<([A-Za-z_][A-Za-z0-9_.:-]*)(?:\s[^<>]*)?>")
_KEY = re.compile(r"[A-Za-z_\"'][A-Za-z0-9_.\"'-]*:(?: |$)|- |-$|---$|[ \t]")
_TRIES = 50
"""How many beginnings of XML are tried in a document."""


_TREE = re.compile(r"\s*(?:<(?=\?xml\b|[A-Za-z_][\w.:-]*[\s>])|\{|\[(?=\s*[\[{\"]))")


def forms(document: Document) -> Iterator[Document]:
    """The document, then what it is with one wrapping after the other taken off. A mail's encoding is no wrapping: the
    codes in it are never meant."""
    if _shows_encoding(document.source):
        document = _changed(document, _decode_quoted(document.source))
    yield document
    within = _WITHIN_LINES if document.source.lstrip()[:1] in _QUOTES else reversed(_WITHIN_LINES)
    for shows, unwrap in (*_AROUND_LINES, *within):
        if shows(document.source):
            document = _changed(document, unwrap(document.source))
            yield document


def cut_out(document: Document) -> Iterator[Document]:
    """Trees that may stand in other text, each with blank lines for all around it: JSON, XML, what is between fences
    and, with the least certainty, YAML. None when something stands before every line of it."""
    text = document.source
    if any(shows(text) for shows, _ in _AROUND_LINES):
        return
    begins = _TREE.match(text)
    for part in (part for find in (_json, _xml, _fenced, _yaml) if (part := find(text))):
        if not begins or part.lstrip().startswith(text[begins.end() - 1 :][:40]):
            yield _changed(document, part)  # of a tree that begins the document nothing within is taken: it may be cut


def _changed(document: Document, source: str) -> Document:
    return parse_document(document.path, source)


def _shows_encoding(text: str) -> bool:
    """Quoted-printable (RFC 2045, 6.7): a mail says so; or every equals sign begins a code or a soft line end, and some
    codes are those of an equals sign or of a blank at a line's end."""
    if "=3D" in text or "=20\n" in text:
        return not _NOT_ENCODED.search(text) or bool(_HEADER.search(text))
    return "uoted-" in text and bool(_HEADER.search(text))


def _decode_quoted(text: str) -> str:
    header = _HEADER.search(text)
    body = header.end() if header else 0
    return text[:body] + _decoded("\n".join(_joined(text[body:].split("\n"))))


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
    """Three lines with ``>`` before them, or half of fewer, as a mail program or a shell puts it there."""
    return (found := len(_QUOTED.findall(text))) >= 3 or (found > 0 and found * 2 >= len(_rows(text)))


def _remove_quoting(text: str) -> str:
    """The blank after the mark goes only where every line has it: else it is the line's own."""
    if _TIGHTLY_QUOTED.search(text):
        return _QUOTED.sub(lambda match: " " * match[0].endswith(" "), text)
    return _QUOTED.sub("", text)


def _shows_frame(text: str) -> bool:
    """A line stands between two drawn bars, or half of the lines that are no border between plain ones."""
    rows = [row for row in _rows(text) if not _is_border(row)]
    framed = [row for row in rows if len(row) > 1 and row[0] in _BARS and row[-1] in _BARS]
    return any(row[0] != "|" for row in framed) or 0 < len(rows) <= len(framed) * 2


def _rows(text: str) -> list[str]:
    return [row for line in text.split("\n") if (row := line.strip())]


def _is_border(row: str) -> bool:
    """Nothing but lines and corners; dashes between bars may be the document's own."""
    return _BORDER.issuperset(row) and not _DASHES.issuperset(row)


def _remove_frame(text: str) -> str:
    return "\n".join(_unframed(line) for line in text.split("\n"))


def _unframed(line: str) -> str:
    row = line.strip()
    if len(row) < 2 or row[0] not in "|│┃║+┌├└╭╰╔╠╚┏┣┗":
        return line
    if _is_border(row):
        return ""
    return row.strip("|│┃║").removeprefix(" ").rstrip() if row[-1] in _BARS else line


def _shows_html(text: str) -> bool:
    """Escapes or tags of a page."""
    return bool(_ENTITY.search(text) or _TAG.search(text))


def _read_html(text: str) -> str:
    import html

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
    (_shows_quoting, _remove_quoting),
    (_shows_frame, _remove_frame),
)
_WITHIN_LINES: tuple[_Step, ...] = ((_shows_escapes, _unescape), (_shows_html, _read_html))
"""In this order: whether the wrapping shows, how it goes. What begins with a quote is a text in a program's notation,
perhaps of a page; else a page may show such a text."""


def _xml(text: str) -> str | None:
    """From the beginning of the first element that also ends to where the last one of its name does. What stands in
    quotes is a value of a document that says more, and what begins a line and does not end is a document cut short."""
    for match in islice(_ELEMENT.finditer(text), _TRIES):
        if _TAG.fullmatch(match[0]):
            continue
        end = text.rfind(f"</{match[1]}>", match.end())
        begun, before = _beginning(text, match.start())
        if end > 0:
            return None if before[-1:] in _QUOTES else _only(text, [(begun, end + len(match[1]) + 3)])
        if not before:
            return None
    return None


def _beginning(text: str, at: int) -> tuple[int, str]:
    """Where the element begins, its declaration included, and what stands before it on the line."""
    declared = text.rfind("<?xml", max(0, at - 200), at)
    begun = declared if declared >= 0 else at
    return begun, text[text.rfind("\n", 0, begun) + 1 : begun].rstrip()


def _json(text: str) -> str | None:
    """Every mapping, or list of some, that begins a line. Of one that cannot be read to its end, a document cut short,
    no part is taken for the whole."""
    from appliance.vendors.tree_json import Reader

    kept: list[tuple[int, int]] = []
    at = 0
    while match := _BRACKET.search(text, at):
        reader = Reader("", text, match.end())
        try:
            reader.value("", 0)
        except Unreadable:
            return None
        at = reader.start
        kept.append((match.end(), at))
    return _only(text, kept) if kept else None


_BRACKET = re.compile(r"^[ \t]*(?=\{|\[\s*\{)", re.MULTILINE)


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
