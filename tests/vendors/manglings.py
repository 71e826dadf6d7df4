"""What editors, mail programs, browsers, terminals and shells do to a document, and what may come of it."""

from __future__ import annotations

import codecs
import html
import json
import quopri
import re
import textwrap
from collections.abc import Callable, Mapping

Mangling = Callable[[str], bytes]


def wrapped(text: str) -> str:
    """Lines of at most 76 characters, broken at blanks."""
    rows = [textwrap.wrap(row, 76, break_on_hyphens=False, break_long_words=False) or [""] for row in text.split("\n")]
    return "\n".join(line for row in rows for line in row)


def each_line(text: str, before: str, after: str = "") -> str:
    """Every line with something before and after it."""
    return "".join(f"{before}{line}{after}\n" for line in text.removesuffix("\n").split("\n"))


def framed(text: str) -> str:
    """As a terminal draws a box around it."""
    rows = [line.expandtabs() for line in text.removesuffix("\n").split("\n")]
    width = max(map(len, rows))
    inner = "".join(f"│ {row.ljust(width)} │\n" for row in rows)
    return f"┌{'─' * (width + 2)}┐\n{inner}└{'─' * (width + 2)}┘\n"


def page(text: str) -> str:
    """As a wiki shows it."""
    head = (
        "<!DOCTYPE html>\n<html><head><title>VPN</title>\n<style>body {color: black}</style></head>\n<body><h1>VPN</h1>"
    )
    return f'{head}\n<pre class="code">{html.escape(text)}</pre>\n<p>Last edited by Al</p></body></html>\n'


def in_mail(text: str) -> str:
    """Sent to someone."""
    return f"Hi Jo,\n\nhere it is, see below:\n\n{text}\n-- \nAl (network)\n"


def mail_source(text: str) -> bytes:
    """As it travels."""
    head = b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    return head + quopri.encodestring(text.encode())


def doubly_encoded(text: str) -> bytes:
    """UTF-8 taken for Windows-1252 and encoded once more, with the quotes and blanks that show it."""
    odd = re.sub(r'"([^"\n]*)"', r"“\1”", text).replace("  ", " \xa0").encode()
    return "".join(chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
                   for byte in odd).encode()  # fmt: skip


HARMLESS: Mapping[str, Mangling] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "old Macintosh line ends": lambda text: text.replace("\n", "\r").encode(),
    "byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 with mark": lambda text: text.encode("utf-16"),
    "UTF-16 big endian": lambda text: text.encode("utf-16-be"),
    "Latin-1 with no-break spaces": lambda text: text.replace("  ", "\xa0 ").encode("latin-1"),
    "no-break spaces": lambda text: text.replace(" ", "\xa0").encode(),
    "encoded twice": doubly_encoded,
    "blanks at the ends": lambda text: text.replace("\n", " \t \n").encode(),
    "typographic quotes": lambda text: re.sub(r'"([^"\n]*)"', r"“\1”", text).encode("utf-8"),
    "typographic quotes of Windows": lambda text: re.sub(r'"([^"\n]*)"', r"“\1”", text).encode("cp1252"),
    "zero-width spaces": lambda text: text.replace(" : ", "\u200b : ").encode(),
    "in a markdown fence": lambda text: f"# Notes\n\n```\n{text}```\n\nDone by Al.\n".encode(),
    "in a named fence": lambda text: f"Notes:\n\n~~~json\n{text}~~~\n".encode(),
    "in a mail": lambda text: in_mail(text).encode(),
    "after a command": lambda text: f"[jo@box ~]$ show vpn | more\n{text}[jo@box ~]$\n".encode(),
    "quoted by mail": lambda text: f"On Monday Al wrote:\n{each_line(text, '> ')}".encode(),
    "quoted twice": lambda text: each_line(text, ">> ").encode(),
    "quoted without a blank": lambda text: each_line(text, ">").encode(),
    "the source of a mail": mail_source,
    "HTML escapes": lambda text: html.escape(text).encode(),
    "a saved page": lambda text: page(text).encode(),
    "a page quoted by mail": lambda text: each_line(page(text), "> ").encode(),
    "a JSON string": lambda text: json.dumps(text).encode(),
    "a JSON string in a line": lambda text: (json.dumps(text) + "\n").encode(),
    "a box around it": lambda text: framed(text).encode(),
    "a box in a mail": lambda text: in_mail(framed(text)).encode(),
    "bars of a terminal": lambda text: each_line(text, "| ", " |").encode(),
}
"""After these everything is read as before."""

DESTRUCTIVE: Mapping[str, Mangling] = {
    "tabs for blanks": lambda text: text.replace("  ", "\t").encode(),
    "collapsed blanks": lambda text: re.sub(r"[ \t]+", " ", text).encode(),
    "no indentation, no empty lines": lambda text: re.sub(r"\n\s*", "\n", text).encode(),
    "wrapped by a mail program": lambda text: wrapped(text).encode(),
    "NUL bytes": lambda text: text.replace("e", "e\0").encode(),
    "hashed out": lambda text: each_line(text, "# ").encode(),
    "no line ends": lambda text: text.replace("\n", " ").encode(),
    "quoted by mail and wrapped": lambda text: each_line(wrapped(text), "> ").encode(),
}
"""After these what is read is as before, though perhaps not all of it: they take away what had a meaning."""
