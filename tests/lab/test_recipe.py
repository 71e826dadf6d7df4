"""The image recipe's pure parts: the lock it installs from, and what makes an image be built again."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recipe", ROOT / "images/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recipe"] = module
    spec.loader.exec_module(module)
    return module


def test_projects_leave_the_lock_with_their_hashes(recipe: ModuleType) -> None:
    first, kept, last = (f"{what} \\\n    --hash=sha256:{what[0]}\n" for what in ("a==1", "ab==2 ; x", "c==3"))
    lock = first + kept + last
    assert recipe.lock_without({"a", "c"}, lock).strip() == kept.strip()
    assert recipe.lock_without({"z"}, lock).strip() == lock.strip()


def test_the_guest_holds_what_the_product_needs(recipe: ModuleType) -> None:
    lock = recipe.lock_without(recipe.BUILD_HOST_ONLY, (ROOT / "requirements.lock").read_text())
    names = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    assert {"click", "jinja2", "pyroute2", "pyyaml", "vici", "exabgp", "scapy", "pytest"} <= names
    assert not names & recipe.BUILD_HOST_ONLY


def test_an_image_is_named_by_what_goes_into_it(
    recipe: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("images/build.py", "images/x.packages", "file"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one\n")
    monkeypatch.setattr(recipe, "REPO", tmp_path)
    monkeypatch.setattr(recipe, "HERE", tmp_path / "images")
    image = recipe.Image("x", ("x.packages",), ("file",), ())
    names = {image.folder}
    for name in ("images/build.py", "images/x.packages", "file"):
        (tmp_path / name).write_text("two\n")
        names.add(image.folder)
    assert len(names) == 4
    assert image.packages == ["two"]


def test_every_file_the_recipe_installs_is_there(recipe: ModuleType) -> None:
    for image in recipe.IMAGES.values():
        assert all((ROOT / name).is_file() for name in image.files)
        assert image.packages
