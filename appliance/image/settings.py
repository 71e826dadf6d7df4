"""The flags of ``configure`` as user-data gives them: a mapping of their long names, in ``configure.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from appliance.model.fault import Fault, FaultyInput


def parse_settings(text: str, where: str, known: Mapping[str, bool]) -> tuple[str, ...]:
    """The words of the command line. ``known`` has the options that make sense, and whether each is a flag.
    FaultyInput lists every key that is none of them and every value that cannot be one."""
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = Fault("this is no YAML", file=where, line=mark.line + 1 if mark else None)
        raise FaultyInput(f"{where} cannot be read", faults=(fault,)) from None
    if not isinstance(settings, dict):
        fault = Fault("not a mapping of configure's options", file=where, allowed="from, bgp, lan, ...")
        raise FaultyInput(f"{where} cannot be read", faults=(fault,))
    judged = (_fault(str(key), value, where, known) for key, value in settings.items())
    faults = tuple(fault for fault in judged if fault is not None)
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise FaultyInput(f"{where} has {count}", hint="nothing was changed", faults=faults)
    return tuple(word for key, value in settings.items() for word in _words(f"--{key}", value))


def render_settings(settings: Mapping[str, Any]) -> str:
    """What :func:`parse_settings` reads."""
    return yaml.safe_dump(dict(settings), sort_keys=False)


def _fault(key: str, value: Any, where: str, known: Mapping[str, bool]) -> Fault | None:
    if key not in known:
        return Fault("not an option of configure", file=where, key=key, allowed=", ".join(sorted(known)))
    if known[key]:
        return None if isinstance(value, bool) else Fault("a flag", file=where, key=key, allowed="true or false")
    parts = value if isinstance(value, list) else [value]
    if all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts):
        return None
    return Fault("neither a word nor a list of words", file=where, key=key)


def _words(option: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (option,) if value else ()
    parts = value if isinstance(value, list) else [value]
    return tuple(word for part in parts for word in (option, str(part)))
