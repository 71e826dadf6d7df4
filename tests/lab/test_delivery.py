"""What is sent into the guest, and what makes it be sent again."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from appliance.lab.delivery import FOLDER_BYTES, fingerprint, lab_files, pack, product_files, unpack_product_script
from appliance.lab.topology import parse_topology

TOPOLOGY = """\
name: t
topology:
  nodes:
    a: {kind: linux, image: appliance-lab, binds: ["../elsewhere/x:/x", "/dev/net/tun:/dev/net/tun", "own:/own"]}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    for name in ("appliance/a.py", "appliance/__pycache__/a.pyc", "labs/t/t.clab.yml", "build/big", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_product_is_its_sources_alone(repo: Path) -> None:
    assert [str(path.relative_to(repo)) for path in product_files(repo)] == ["appliance/a.py", "labs/t/t.clab.yml"]


def test_the_fingerprint_follows_content_names_and_modes(repo: Path) -> None:
    def now() -> str:
        return fingerprint(product_files(repo), repo)

    seen = {now()}
    assert now() in seen
    (repo / "appliance/a.py").write_text("other")
    seen.add(now())
    (repo / "appliance/a.py").chmod(0o755)
    seen.add(now())
    (repo / "appliance/a.py").rename(repo / "appliance/b.py")
    seen.add(now())
    (repo / "appliance/empty.py").touch()
    seen.add(now())
    assert len(seen) == 5
    os.utime(repo / "appliance/b.py", (1, 1))
    assert now() in seen


def test_a_lab_is_its_folder_and_what_it_binds(tmp_path: Path) -> None:
    file = tmp_path / "lab" / "t.clab.yml"
    for path in (file, file.parent / "own/deep/file", tmp_path / "elsewhere/x/y", tmp_path / "elsewhere/not-bound"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TOPOLOGY)
    topology = parse_topology(TOPOLOGY, str(file))
    names = {str(path.relative_to(tmp_path)) for path in lab_files(topology, file)}
    assert names == {"elsewhere/x", "elsewhere/x/y", "lab/own", "lab/own/deep/file", "lab/t.clab.yml"}
    (file.parent / "huge").write_bytes(b"0" * (FOLDER_BYTES + 1))
    assert file.parent / "huge" not in lab_files(topology, file)
    assert file.parent / "own/deep/file" in lab_files(topology, file)


def test_an_unpacked_product_keeps_what_was_compiled(repo: Path, tmp_path: Path) -> None:
    target = tmp_path / "opt"
    target.mkdir()
    script = unpack_product_script("one").replace("/opt/appliance", str(target))
    subprocess.run(["sh", "-c", script], input=pack(product_files(repo), repo), check=True)
    (target / "current/appliance/__pycache__").mkdir()
    (target / "current/appliance/__pycache__/a.pyc").write_text("compiled")
    script = unpack_product_script("two").replace("/opt/appliance", str(target))
    subprocess.run(["sh", "-c", script], input=pack(product_files(repo), repo), check=True)
    assert (target / "current").readlink() == Path("tree.two")
    assert (target / "current/appliance/__pycache__/a.pyc").read_text() == "compiled"
    assert (target / "tree.one").is_dir()


def test_names_in_the_tar_are_relative(repo: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(product_files(repo), repo))) as archive:
        assert archive.getnames() == ["appliance/a.py", "labs/t/t.clab.yml"]
