"""Texts that tell what to fill in where in a device's pages: ``a. Name : value`` under headings, as statements."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.vendors.device.statements import Statement, rejoined
from appliance.vendors.text import Document

_FIELD = re.compile(r"(?:[a-z]{1,2}\. ?)?([A-Z][A-Za-z /-]+?) ?: ?(.*)")
_COMMAND = re.compile(r"set ([a-z-]+) (\S+)")
_STARTS = re.compile(r"[!#]|[a-z]{1,2}\. |[A-Z]|set |config |edit |next|end")


def page_statements(document: Document, headings: Sequence[tuple[str, str]]) -> list[Statement]:
    """Each field as ``PAGE ENTRY name-of-the-field value``, and each ``set key value`` the same. ``headings``: what
    begins a page, and its name; the first of them begins an entry too."""
    found: list[Statement] = []
    entry, page = 0, ""
    for line in rejoined(document.lines, _STARTS):
        named = next((name for words, name in headings if re.search(words, line.text)), None)
        match = _FIELD.fullmatch(line.text) or _COMMAND.fullmatch(line.text)
        if named is not None:
            entry += named == headings[0][1]
            page = named if entry else ""
        elif page and line.text[:1] not in ("!", "#") and match:
            value = re.sub(r" (retries|seconds)$", "", match[2].partition(" !")[0].strip())
            name = "-".join(match[1].lower().split())
            if value and not value.startswith("!"):
                found.append(Statement((page, str(entry), name, value), line.number, entry))
    return found
