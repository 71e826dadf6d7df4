"""An image is trusted when signature, sums and architecture fit, and refused with every reason otherwise."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from appliance.cli.image import command
from appliance.image.recipe import verify_image
from appliance.model.fault import FaultyInput
from tests.image.cloud import REPO

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


@pytest.fixture(scope="module")
def papers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_papers", REPO / "images/papers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["image_papers"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key")


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture
def built(tmp_path: Path, papers: ModuleType, key: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "appliance.raw").write_bytes(b"a disk\n")
    debian = tmp_path / "debian.json"
    one = {"package": "bash", "version": "5.2", "architecture": "amd64", "sha256": "00" * 32}
    debian.write_text(json.dumps({"packages": [one]}))
    lock = tmp_path / "lock"
    lock.write_text(f"click==8.1.7 \\\n    --hash=sha256:{'11' * 32}\n")
    papers.write_manifest(folder, debian, lock, {"arch": "x86_64", "key": "given"})
    papers.write_sbom(folder, 1_700_000_000)
    papers.write_sums(folder)
    papers.sign(folder, key)
    return folder


def reasons(folder: Path, public: Path | None = None, arch: str = "x86_64") -> list[str]:
    with pytest.raises(FaultyInput) as caught:
        verify_image(folder, public, arch)
    return [fault.message for fault in caught.value.faults]


def test_what_was_built_is_trusted_by_its_key(built: Path, key: Path) -> None:
    names = ("appliance.raw", "manifest.json", "sbom.spdx.json")
    assert verify_image(built, key.with_suffix(".pub"), "x86_64") == names
    assert verify_image(built, None, "x86_64") == names


def test_a_flipped_bit_is_found(built: Path) -> None:
    (built / "appliance.raw").write_bytes(b"a disk\x0b")
    assert reasons(built) == ["is not what was signed"]


def test_sums_that_were_made_to_fit_are_found_by_the_signature(built: Path) -> None:
    (built / "appliance.raw").write_bytes(b"another\n")
    sums = (built / "SHA256SUMS").read_text()
    good, bad = (hashlib.sha256(data).hexdigest() for data in (b"a disk\n", b"another\n"))
    (built / "SHA256SUMS").write_text(sums.replace(good, bad))
    assert reasons(built) == ["the signature does not fit"]


def test_another_key_is_refused_when_one_is_named(built: Path, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub")
    assert reasons(built, other) == ["the signature does not fit"]


def test_another_architecture_is_refused(built: Path) -> None:
    assert reasons(built, arch="aarch64") == ["made for another architecture"]


@pytest.mark.parametrize("verb", ["verify", "boot"])
@pytest.mark.parametrize("spoil", ["arch", "signature", "disk"])
def test_neither_verb_goes_on_with_an_image_to_refuse(
    built: Path, verb: str, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3, and no machine is started."""
    started: list[object] = []
    monkeypatch.setattr("appliance.cli.image.start_machine", lambda *words: started.append(words))
    if spoil == "arch":
        monkeypatch.setattr("platform.machine", lambda: "riscv64")
    else:
        (built / {"signature": "SHA256SUMS.sig", "disk": "appliance.raw"}[spoil]).write_bytes(b"another\n")
    result = CliRunner().invoke(command, [verb, str(built)])
    assert isinstance(result.exception, FaultyInput)
    assert result.exception.exit == 3
    assert started == []


@pytest.mark.parametrize(("made", "said"), [("development", True), ("given", False)])
def test_a_development_key_is_named_where_somebody_might_trust_it(
    built: Path, papers: ModuleType, key: Path, made: str, said: bool
) -> None:
    manifest = built / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"given"', f'"{made}"'))
    papers.write_sums(built)
    papers.sign(built, key)
    result = CliRunner().invoke(command, ["verify", str(built)])
    assert result.exit_code == 0
    assert ("development key" in result.output) is said
    told = json.loads(CliRunner().invoke(command, ["verify", "--json", str(built)]).stdout)
    assert told["development_key"] is said


def test_everything_wrong_is_said_at_once(built: Path) -> None:
    (built / "appliance.raw").unlink()
    (built / "SHA256SUMS.sig").write_text("nothing\n")
    assert set(reasons(built, arch="riscv64")) == {
        "the signature does not fit", "made for another architecture", "cannot be read",
    }  # fmt: skip


def test_a_name_that_leaves_the_folder_is_refused(built: Path) -> None:
    with (built / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  ../../etc/passwd\n")
    assert reasons(built) == ["not a line of sha256sum"]


def test_the_sbom_names_every_package_with_a_url(built: Path) -> None:
    sbom = json.loads((built / "sbom.spdx.json").read_text())
    assert sbom["spdxVersion"] == "SPDX-2.3"
    urls = [package["externalRefs"][0]["referenceLocator"] for package in sbom["packages"]]
    assert urls == ["pkg:deb/debian/bash@5.2?arch=amd64&distro=trixie", "pkg:pypi/click@8.1.7"]
    assert len({package["SPDXID"] for package in sbom["packages"]}) == len(sbom["packages"])


@pytest.mark.parametrize(("broken", "started"), [(True, ["kvm", "tcg"]), (False, ["kvm"])])
def test_a_kvm_that_runs_nothing_is_done_without(
    built: Path, broken: bool, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """QEMU fails at once then, whoever may open the device."""
    tried: list[str] = []

    def start(program: object, words: list[str], environment: object) -> int:
        tried.append(words[words.index("-accel") + 1].partition(",")[0])
        return -6 if broken and tried[-1] == "kvm" else 0

    monkeypatch.setattr("appliance.cli.image.start_machine", start)
    monkeypatch.setattr("appliance.cli.image.accelerators", lambda _remembered: ["kvm", "tcg", "tcg"])
    monkeypatch.setattr("appliance.cli.image.qemu_major", lambda: 10)
    assert CliRunner().invoke(command, ["boot", str(built)]).exit_code == 0
    assert tried == started
