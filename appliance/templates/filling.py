"""Templates whose values are checked on their way into the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from appliance.model.fault import ApplianceError

if TYPE_CHECKING:
    from jinja2 import Template


class Piece(str):
    """Text that a template of ours made: its values were checked already."""

    __slots__ = ()


def load_template(templates: Mapping[str, str], name: str, safe: re.Pattern[str], program: str) -> Template:
    """The template ``name`` of ``templates`` (texts by file name), for ``program``'s configuration.

    A value that is not wholly ``safe`` raises ApplianceError (``unsafe-text``) when the template is rendered, and so
    does none at all: ``safe`` leaves out whatever could end a statement of this program's language or begin another.
    """
    return _loaded(tuple(sorted(templates.items())), name, safe, program)


@lru_cache(maxsize=8)
def _loaded(templates: tuple[tuple[str, str], ...], name: str, safe: re.Pattern[str], program: str) -> Template:
    """The library is loaded here, since most verbs look at a speaker and write nothing."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    def checked(value: object) -> str:
        if isinstance(value, Piece):
            return value
        text = str(value)
        if not safe.fullmatch(text):
            raise ApplianceError(f"this cannot stand in {program}'s configuration: {text!r}", code="unsafe-text")
        return text

    environment = Environment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        finalize=checked,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(name)
