"""What CONTRIBUTING shows is what is there."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from appliance.vendors import FORMATS

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_smallest_format_is_shown_as_it_is() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = re.search(r"(?s)```python\n(.*?)\n\s*```", page.partition("## Adding a cloud")[2])
    assert shown
    name = re.search(r'"(\w+/\w+)": Format\(', shown[1])
    assert name
    assert name[1] in FORMATS
    source = (ROOT / "appliance/vendors" / name[1].partition("/")[0] / "__init__.py").read_text(encoding="utf-8")
    assert dedent(shown[1]) in dedent(source.partition("] = {\n")[2].rpartition("}")[0])
