"""Secrets: kept for root alone, found where the intent says, read with care and never repeated."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.history.store import Store
from appliance.model.fault import FaultyInput, WrongUsage
from appliance.model.intent import SecretRef
from appliance.model.secret import Secret
from tests.history.test_store import mode


def test_a_secret_is_written_for_root_alone_and_found_by_its_reference(store: Store) -> None:
    ref = store.write_secret("vpc-1", Secret("not a real key"))
    assert ref == SecretRef("file", "secrets/vpc-1.psk")
    assert store.resolve(ref) == Secret("not a real key")
    store.remove_secret("vpc-1")
    store.remove_secret("vpc-1")
    with pytest.raises(FaultyInput):
        store.resolve(ref)


def test_a_folder_of_secrets_that_was_open_is_closed(store: Store) -> None:
    folder = store.config_dir / "secrets"
    folder.mkdir(parents=True, mode=0o755)
    store.write_secret("vpc-1", Secret("not a real key"))
    assert mode(folder) == 0o700


@pytest.mark.parametrize("name", ["", "..", "a/b", "../intent", ".hidden", "a\nb", "a b", "x" * 200])
def test_a_secrets_name_cannot_leave_its_folder(store: Store, name: str) -> None:
    with pytest.raises(WrongUsage):
        store.write_secret(name, Secret("not a real key"))
    with pytest.raises(WrongUsage):
        store.remove_secret(name)


def put(path: Path, content: bytes, mode: int = 0o600) -> SecretRef:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return SecretRef("file", path.name)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"key", "key"),
        (b"key\n", "key"),
        (b"key\r\n", "key"),
        (b" key with blanks \n", " key with blanks "),
        ("schlüssel".encode(), "schlüssel"),
        (b"k" * 4096, "k" * 4096),
    ],
)
def test_one_line_end_is_not_part_of_a_secret(store: Store, content: bytes, secret: str) -> None:
    assert store.resolve(put(store.config_dir / "a.psk", content)).reveal() == secret


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"  \n", "is empty"),
        (b"key\n\n", "several lines"),
        (b"zebra\nquagga\n", "several lines"),
        (b"a\tb", "control character"),
        (b"a\0b", "control character"),
        (b"\xff\xfe", "is not text"),
        (b"k" * 4097, "longer than 4096 bytes"),
    ],
)
def test_what_cannot_be_a_secret_is_a_fault_that_does_not_quote_it(store: Store, content: bytes, words: str) -> None:
    ref = put(store.config_dir / "a.psk", content)
    with pytest.raises(FaultyInput) as refused:
        store.resolve(ref)
    (fault,) = refused.value.faults
    assert words in fault.message
    assert "file a.psk" in fault.message
    assert fault.fix
    assert fault.found is None
    assert "zebra" not in str(fault)


@pytest.mark.parametrize("open_mode", [0o640, 0o604, 0o660, 0o644, 0o777])
def test_a_secret_that_others_may_read_is_a_fault(store: Store, open_mode: int) -> None:
    ref = put(store.config_dir / "a.psk", b"key", open_mode)
    with pytest.raises(FaultyInput) as refused:
        store.resolve(ref)
    (fault,) = refused.value.faults
    assert "open to others" in fault.message
    assert fault.fix == f"chmod 600 {store.config_dir / 'a.psk'}"


def test_a_pipe_is_no_secret_and_does_not_hang(store: Store) -> None:
    store.config_dir.mkdir()
    os.mkfifo(store.config_dir / "pipe", 0o600)
    with pytest.raises(FaultyInput, match="cannot be used") as refused:
        store.resolve(SecretRef("file", "pipe"))
    assert "not an ordinary file" in refused.value.faults[0].message


def test_secrets_come_from_the_environment_and_from_systemd(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VPC_PSK", "key one")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    put(tmp_path / "credentials" / "vpc-2", b"key two\n", 0o440)
    refs = {"one": SecretRef("env", "VPC_PSK"), "two": SecretRef("credential", "vpc-2")}
    assert store.resolve_all(refs) == {"one": Secret("key one"), "two": Secret("key two")}


def test_every_secret_that_is_not_there_is_told_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_PSK", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    refs = [SecretRef("file", "gone.psk"), SecretRef("env", "NO_SUCH_PSK"), SecretRef("credential", "gone")]
    with pytest.raises(FaultyInput) as refused:
        store.resolve_all({ref.kind: ref for ref in refs} | {"fine": put(store.config_dir / "fine", b"key")})
    assert [fault.key for fault in refused.value.faults] == ["file: gone.psk", "env: NO_SUCH_PSK", "credential: gone"]
    assert all(fault.fix for fault in refused.value.faults)


def test_a_credential_cannot_leave_its_folder(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    put(tmp_path / "outside", b"key")
    (tmp_path / "credentials").mkdir()
    with pytest.raises(FaultyInput):
        store.resolve(SecretRef("credential", "../outside"))


def test_a_secret_is_looked_for_beside_its_intent(store: Store, tmp_path: Path) -> None:
    ref = put(tmp_path / "elsewhere" / "a.psk", b"key")
    assert store.resolve(ref, tmp_path / "elsewhere") == Secret("key")


# -- fingerprints


def test_a_fingerprint_tells_secrets_apart_and_stays(store: Store, tmp_path: Path) -> None:
    one, two = store.fingerprint(Secret("one")), store.fingerprint(Secret("two"))
    assert not store.state_dir.exists(), "looking writes nothing"
    store.keep_fingerprint_key()
    assert one != two
    assert len(one) == 16
    assert int(one, 16) >= 0
    again = Store(store.config_dir, store.state_dir, store.run_dir)
    assert again.fingerprint(Secret("one")) == one
    other_machine = Store(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert other_machine.fingerprint(Secret("one")) != one


def test_a_fingerprint_is_hmac_sha256(store: Store) -> None:
    """RFC 2104, computed by another implementation."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    store.keep_fingerprint_key()
    (store.state_dir / "fingerprint.key").write_bytes(b"\x0b" * 32)
    openssl = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + "0b" * 32],
        input=b"not a real key",
        capture_output=True,
        check=True,
    )
    assert openssl.stdout.decode().split()[-1].startswith(store.fingerprint(Secret("not a real key")))


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_that_was_cut_short_is_made_anew(store: Store, content: bytes) -> None:
    store.keep_fingerprint_key()
    (store.state_dir / "fingerprint.key").write_bytes(content)
    anew = store.fingerprint_key()
    assert len(anew) == 32
    store.keep_fingerprint_key()
    assert (store.state_dir / "fingerprint.key").read_bytes() == anew


def test_a_kept_key_is_never_replaced(store: Store) -> None:
    other = Store(store.config_dir, store.state_dir, store.run_dir)
    store.keep_fingerprint_key()
    other.keep_fingerprint_key()
    assert other.fingerprint_key() == store.fingerprint_key()


def test_no_secret_shows_in_what_is_printed(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    ref = store.write_secret("vpc-1", Secret("not a real key"))
    shown = f"{store.resolve(ref)} {store.resolve(ref)!r} {ref} {store.resolve_all({'a': ref})} {caplog.text}"
    assert "real key" not in shown
