"""An import report as the YAML of an intent, under a comment that says what it is and what it lacks."""

from __future__ import annotations

import yaml

from appliance.model.document import ImportReport
from appliance.vendors.intent_of import intent_data, secret_name, secrets_of
from appliance.vendors.values import show

_HIDDEN = "The pre-shared keys are not in this text; `-o DIR` writes them to files of their own."
_WRITTEN = "The pre-shared keys are in secrets/, one file a tunnel."


def intent_text(report: ImportReport, *, written: bool = False, show_secrets: bool = False) -> str:
    """The intent that the documents make. ``written``: the keys were written to files; ``show_secrets``: they are
    quoted in the comment."""
    return "".join(f"# {line}".rstrip() + "\n" for line in _comment(report, written, show_secrets)) + _yaml(report)


def _comment(report: ImportReport, written: bool, show_secrets: bool) -> list[str]:
    lines = [f"From {show(document.path)} ({document.format})." for document in report.documents]
    secrets = {name: key for read in report.connections for name, key in secrets_of(read).items()}
    if show_secrets:
        lines += [f"{secret_name(name)}: {key.reveal()}" for name, key in secrets.items()]
    elif secrets:
        lines.append(_WRITTEN if written else _HIDDEN)
    open_ends = [f"  {item.field} ({item.needed_for}): {item.why}; {item.hint}" for item in report.missing]
    open_ends += [
        f"  connections[{index}].mode: the document does not say; bgp, static or policy"
        for index, read in enumerate(report.connections)
        if read.mode is None
    ]
    return [*lines, *(["Still open:", *open_ends] if open_ends else [])]


def _yaml(report: ImportReport) -> str:
    data = intent_data(report.connections)
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
