"""Each case's documents read: the report, the faults as the operator sees them, and the intent they make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance.cli.output import describe_fault
from appliance.vendors import FORMATS, read_documents
from appliance.vendors.intent_text import intent_text
from appliance.vendors.report import report_as_data

CASES = sorted({path.parent for path in Path(__file__).parent.glob("*/document*")})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_documents_are_read_as_recorded(case: Path, update: bool) -> None:
    documents = [(path.name, path.read_bytes()) for path in sorted(case.glob("document*"))]
    report = read_documents(documents)
    made = {
        "report.json": json.dumps(report_as_data(report), indent=1) + "\n",
        "faults.txt": "".join(f"{describe_fault(fault)}\n" for fault in report.faults),
        "intent.yaml": "" if report.faults else intent_text(report),
    }
    for name, written in made.items():
        path, text = case / name, written.replace(", ".join(FORMATS), "FORMATS")  # of which there will be more
        if update:
            path.write_text(text, encoding="utf-8") if text else path.unlink(missing_ok=True)
        recorded = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text == recorded, f"{path}: read the difference, then rewrite it with --update"


def test_there_are_cases() -> None:
    assert CASES
