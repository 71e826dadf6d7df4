"""User-data's files on a machine: once per instance, closed to others, told apart when they change."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.image.seed import Note, Seed


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    config = tmp_path / "etc"
    for folder in ("documents", "secrets"):
        (config / folder).mkdir(parents=True)
    (config / "configure.yaml").write_text("bgp: true\n")
    (config / "documents" / "a.txt").write_text("fake\n")
    (config / "secrets" / "a.psk").write_text("this.key.is.fake\n")
    return Seed(config, tmp_path / "state", tmp_path / "instance-id")


def test_what_others_may_read_is_closed_and_named(seed: Seed) -> None:
    opened = seed.config_dir / "documents" / "a.txt"
    opened.chmod(0o644)
    (seed.config_dir / "secrets" / "a.psk").chmod(0o600)
    assert seed.tighten() == (str(opened),)
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600
    assert stat.S_IMODE((seed.config_dir / "secrets").stat().st_mode) == 0o700
    assert seed.tighten() == ()


def test_a_link_is_not_followed(seed: Seed, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("x")
    target.chmod(0o644)
    (seed.config_dir / "documents" / "link").symlink_to(target)
    seed.tighten()
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_the_digest_follows_documents_and_flags_and_not_what_configure_writes(seed: Seed) -> None:
    before = seed.digest()
    (seed.config_dir / "intent.yaml").write_text("version: 1\n")
    (seed.config_dir / "secrets" / "made.psk").write_text("this.key.is.fake.too\n")
    assert seed.digest() == before
    (seed.config_dir / "documents" / "a.txt").write_text("another\n")
    assert seed.digest() != before


def test_a_file_on_its_way_is_none_yet(seed: Seed) -> None:
    """What replaces the intent has another name first, and may be gone between two looks."""
    before = seed.digest()
    (seed.config_dir / ".intent.yaml.290.b7f46dd9").write_text("version: 1\n")
    (seed.config_dir / "secrets" / ".a.psk.290.b7f46dd9").write_text("this.key.is.fake\n")
    assert seed.digest() == before
    assert not any("290" in path for path in seed.tighten())


def test_a_note_is_kept_and_a_damaged_one_is_none(seed: Seed) -> None:
    assert seed.note() is None
    note = Note("i-1", "00", True, "one tunnel is down")
    seed.keep(note)
    assert seed.note() == note
    (seed.state_dir / "first-boot.json").write_text("{")
    assert seed.note() is None


def test_the_instance_is_what_cloud_init_says(seed: Seed, tmp_path: Path) -> None:
    assert seed.instance() == ""
    (tmp_path / "instance-id").write_text("i-0123\n")
    assert seed.instance() == "i-0123"


UUID = "4c4c4544-0042-3510-8052-b4c04f4e3132\n"


@pytest.mark.parametrize(
    ("uuid", "kept"), [(UUID, UUID), ("00000000-0000-0000-0000-000000000000\n", None), (None, None)]
)
def test_a_machine_is_known_again_by_an_id_of_its_own(tmp_path: Path, uuid: str | None, kept: str | None) -> None:
    if uuid is not None:
        (tmp_path / "uuid").write_text(uuid)
    Seed(tmp_path / "etc", tmp_path / "state", tmp_path / "instance-id", tmp_path / "uuid").settle()
    found = tmp_path / "state" / "machine"
    assert (found.read_text() if found.exists() else None) == kept
