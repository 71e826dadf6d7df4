"""A document's bytes to numbered, plain lines, whatever an editor, a browser or a mail program did to it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cached_property

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad"))
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "＂": '"', "‘": "'", "’": "'"})
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_ONCE = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_TWICE = re.compile(f"[\xc2-\xf4][{re.escape(''.join(key for key, byte in _ONCE.items() if byte < 0xC0))}]{{1,3}}")
_NARROW = re.compile(r"[^\S\n\t ]")
_LINE_ENDS = ("\r\n", "\r", "\x85", "\u2028", "\u2029")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number in the document, counted from 1, and its text with single blanks and none at the ends."""

    number: int
    text: str


@dataclass(frozen=True, eq=False)
class Document:
    """A document as text. ``source`` is all of it, with its indentation and its end, for notations that tell themselves
    whether they are whole. The rest is made when it is first asked for: a state of megabytes is never read by lines."""

    path: str
    source: str

    @cached_property
    def _rows(self) -> list[str]:
        return [" ".join(row.split()) for row in self.source.split("\n")]

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines that can be trusted: all but ``cut``."""
        return tuple(Line(number, row) for number, row in enumerate(self._rows[:-1], start=1))

    @cached_property
    def cut(self) -> int | None:
        """The number of a last line that has no line end: it may be cut off in the middle of a value. None: the
        document ends as it should."""
        last = self.source.rpartition("\n")[2]
        return self.source.count("\n") + 1 if last.strip() else None

    @cached_property
    def text(self) -> str:
        """All lines that can be trusted, one below the other."""
        return "\n".join(self._rows[:-1])

    @cached_property
    def folded(self) -> str:
        """The source in small letters."""
        return self.source.lower()


def decode(data: bytes) -> str:
    """UTF-8, -16 or -32 with or without its mark, else Windows-1252 (a superset of printable Latin-1). Never fails."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    sample = data[:400]
    if sample and sample.count(0) * 3 > len(sample):
        return data.decode("utf-16-le" if 0 in sample[1::2] else "utf-16-be", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
        return data.decode("cp1252", errors="replace")


def _undo_second_encoding(text: str) -> str:
    """UTF-8 that was taken for Windows-1252 and encoded once more shows itself by its quotes and no-break blanks."""
    if "â€" in text or "Â\xa0" in text:
        return _TWICE.sub(_decoded_once, text)
    return text


def _decoded_once(match: re.Match[str]) -> str:
    return bytes(_ONCE[char] for char in match[0]).decode(errors="ignore") or match[0]


def parse_document(path: str, content: bytes | str) -> Document:
    """The document with its line ends, blanks, quotes and dashes made plain. Line numbers stay the document's own."""
    text = decode(content) if isinstance(content, bytes) else content.encode(errors="replace").decode()
    if not text.isascii():
        text = _undo_second_encoding(text).translate(_INVISIBLE).translate(_QUOTES).translate(_DASHES)
    for end in _LINE_ENDS:
        text = text.replace(end, "\n")
    return Document(path, _NARROW.sub(" ", text))
