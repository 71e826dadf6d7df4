"""What goes into an image has nothing of the host that built it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.image.cloud import REPO

FORGET = "import sys; sys.path.insert(0, 'images'); import staging, pathlib; staging.forget_host(pathlib.Path({!r}))"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
METADATA = "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"


def test_what_pip_installs_does_not_name_the_python_that_did_it(tmp_path: Path) -> None:
    """A program of a wheel begins with the path of pip's own interpreter, unless it is left out."""
    wheel = tmp_path / "greeting-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "def say():\n    print('hello')\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", METADATA)
        archive.writestr("greeting-1.0.dist-info/WHEEL", WHEEL)
        archive.writestr("greeting-1.0.dist-info/entry_points.txt", "[console_scripts]\ngreet = greeting:say\n")
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    folder = tmp_path / "wheels"
    pip = (sys.executable, "-m", "pip", "-q", "install", "--no-index", "--no-deps", "--no-compile", "--target", folder)
    subprocess.run([*pip, wheel], check=True, stdin=subprocess.DEVNULL)
    assert sys.prefix in (folder / "bin/greet").read_text()
    subprocess.run([sys.executable, "-c", FORGET.format(str(folder))], cwd=REPO, check=True)
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"greeting.py", "METADATA", "entry_points.txt"}
    assert not any(sys.prefix.encode() in path.read_bytes() or path.name == "RECORD" for path in kept)
