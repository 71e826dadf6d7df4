"""What is built: the same bytes twice, and units that are shut in as promised."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from appliance.image.recipe import find_root, read_manifest, verify_image
from tests.image.cloud import REPO
from tests.image.disk import Disk

pytestmark = pytest.mark.image

BARS = {
    "appliance.service": 2.5,
    "appliance-firewall.service": 2.0,
    "appliance-first-boot.service": 2.0,
    "strongswan.service": 3.2,
    "frr.service": 3.2,
}
"""The exposure that `systemd-analyze security` may find: what speaks with the world, the daemon, the rest."""


def test_every_unit_has_a_bar() -> None:
    assert {path.name for path in (REPO / "images/units").glob("*.service")} == set(BARS)


@pytest.mark.parametrize("unit", sorted(BARS))
def test_a_unit_is_shut_in(unit: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("entering the root of disk tools takes root")
    command = ("systemd-analyze", "security", "--offline=yes", "--no-pager", f"/tmp/{unit}")
    bench = find_root(REPO, "workbench")
    shutil.copy(REPO / "images/units" / unit, bench / "tmp" / unit)
    said = subprocess.run(["chroot", bench, *command], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= BARS[unit]


def test_what_was_built_is_what_its_papers_say(image: Path) -> None:
    told = verify_image(image.parent, None, "x86_64")
    assert {"appliance.raw", "appliance.qcow2", "manifest.json", "sbom.spdx.json"} <= set(told)
    assert read_manifest(image.parent).development
    manifest = json.loads((image.parent / "manifest.json").read_text())
    assert all(re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in manifest["packages"])
    assert {"click", "exabgp", "pyroute2"} <= {one["package"] for one in manifest["wheels"]}


def test_the_second_slot_waits_empty(image: Path) -> None:
    disk = Disk(image)
    assert {name: disk.is_empty(name) for name in ("root-a", "hash-a", "root-b", "hash-b")} == {
        "root-a": False, "hash-a": False, "root-b": True, "hash-b": True,
    }  # fmt: skip
    assert disk.environment() == {"slot": "a"}


def test_every_kernel_module_that_is_kept_is_one() -> None:
    """A name that means none would be missed on the one cloud that needs it."""
    (folder,) = (find_root(REPO, "root") / "usr/lib/modules").iterdir()
    script = (
        "import sys, pathlib; sys.path.insert(0, 'images'); import modules; "
        f"names = modules.read_needs(pathlib.Path({str(folder)!r})); "
        "print(*(one for one in modules.KEPT if not any(modules.is_meant(name, one) for name in names)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPO, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_two_builds_are_the_same(image: Path) -> None:
    """From the same packages, wheels and sources."""
    same_again(image)


def test_its_manifest_builds_it_again(image: Path) -> None:
    """From the packages, wheels and time that it names, with a root made of those packages anew."""
    same_again(image, "--lock", str(image.with_name("manifest.json")))


def same_again(image: Path, *words: str) -> None:
    """Build it and compare."""
    with tempfile.TemporaryDirectory(prefix="image-", dir="/var/tmp") as folder:
        out = Path(folder) / "image"
        command = (sys.executable, "images/disk.py", str(out), "--disk", *words)
        subprocess.run(command, cwd=REPO, check=True, capture_output=True)
        if sources(out) != sources(image.parent):
            pytest.skip("the sources were changed meanwhile")
        assert digests(out) == digests(image.parent)


def sources(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["sources"])


def digests(folder: Path) -> dict[str, str]:
    """Of every file but the signature, which each build's own key made, and what tells of it and of the containers."""
    found = {}
    for name in ("appliance.raw", "appliance.qcow2", "manifest.json", "sbom.spdx.json"):
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
