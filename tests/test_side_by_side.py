"""Tests of several files at once: all of them run, whatever one of them says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "test_good.py": "def test_good():\n    pass\n",
    "test_bad.py": "def test_bad():\n    assert False\n",
    "test_lacking.py": "import pytest\n\ndef test_lacking():\n    pytest.skip('lacking')\n",
    "test_other.py": "import pytest\n\n@pytest.mark.skipif(False, reason='')\ndef test_other():\n    pass\n",
}


def run(folder: Path, *words: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "tests.side_by_side", "2", "all.xml", "-q", *words, ".")
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
                          text=True, check=False, timeout=120)  # fmt: skip
    return done.returncode, done.stdout


def test_each_file_runs_and_the_worst_end_counts(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    code, said = run(tmp_path, "-k", "not other")
    assert code == 1
    assert "assert False" in said
    cases = {case.get("name"): case for case in ElementTree.parse(tmp_path / "all.xml").iter("testcase")}
    assert cases.keys() == {"test_good", "test_bad", "test_lacking"}
    assert cases["test_lacking"].find("skipped") is not None


def test_nothing_to_run_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "test_good.py").write_text(FILES["test_good.py"])
    assert run(tmp_path)[0] == 0
    assert run(tmp_path, "-k", "nothing")[0] == 5


def test_a_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_good.py").write_text(FILES["test_good.py"])
    (tmp_path / "test_broken.py").write_text("import nothing_of_that_name\n")
    assert run(tmp_path)[0] not in (0, 5)
