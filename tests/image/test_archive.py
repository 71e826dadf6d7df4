"""A container archive: every digest in it is that of what it names, old engines find their list, twice is the same."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.image.cloud import REPO

EPOCH = 1_700_000_000


@pytest.fixture(scope="module")
def oci() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_oci", REPO / "images/oci.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["image_oci"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def archive(oci: ModuleType, tmp_path: Path) -> Path:
    return write(oci, tmp_path / "one.tar", tmp_path)


def write(oci: ModuleType, target: Path, folder: Path) -> Path:
    layer = folder / "layer.tar.gz"
    layer.write_bytes(gzip.compress(b"a layer", mtime=0))
    inside = f"sha256:{hashlib.sha256(b'a layer').hexdigest()}"
    oci.write_archive(target, oci.CONTAINERS[0], (layer, inside), EPOCH)
    return target


def read(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def blob(archive: Path, descriptor: dict[str, Any]) -> bytes:
    data = read(archive, f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}")
    assert len(data) == descriptor["size"]
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]
    return data


def test_the_layout_leads_from_the_index_to_the_layer(archive: Path) -> None:
    assert json.loads(read(archive, "oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(read(archive, "index.json"))["manifests"]
    manifest = json.loads(blob(archive, entry))
    config = json.loads(blob(archive, manifest["config"]))
    (layer,) = manifest["layers"]
    inside = gzip.decompress(blob(archive, layer))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(inside).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/usr/lib/appliance-entrypoint"]
    assert entry["annotations"]["io.containerd.image.name"] == "appliance:latest"


def test_an_old_engine_finds_the_same(archive: Path) -> None:
    (old,) = json.loads(read(archive, "manifest.json"))
    assert old["RepoTags"] == ["appliance:latest"]
    assert json.loads(read(archive, old["Config"]))["os"] == "linux"
    assert gzip.decompress(read(archive, old["Layers"][0])) == b"a layer"


def test_twice_is_the_same(oci: ModuleType, archive: Path, tmp_path: Path) -> None:
    assert write(oci, tmp_path / "two.tar", tmp_path).read_bytes() == archive.read_bytes()
