"""``appliance import`` as people and programs call it."""

from __future__ import annotations

import base64
import gzip
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from appliance.vendors import FORMATS
from tests.vendors.samples import GENERIC, ID, STRONGSWAN

KEYS = ("Fake.key.of.tunnel_1", "Fake.key.of.tunnel_2")


def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "appliance.cli.main", "import", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    text = subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in text.stderr
    return text


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A generic download."""
    path = tmp_path / "vpn.txt"
    path.write_text(GENERIC)
    return path


def test_the_intent_goes_to_stdout_without_keys_and_says_so(document: Path) -> None:
    done = run(document)
    assert done.returncode == 0
    assert f"- name: {ID}" in done.stdout
    assert "The pre-shared keys are not in this text" in done.stdout
    assert not any(key in done.stdout + done.stderr for key in KEYS)


def test_keys_on_demand(document: Path) -> None:
    shown = run(document, "--show-secrets").stdout
    assert all(key in shown for key in KEYS)
    report = json.loads(run(document, "--json", "--show-secrets").stdout)
    assert [tunnel["psk"] for tunnel in report["connections"][0]["tunnels"]] == list(KEYS)


def test_the_report_is_one_json_value(document: Path) -> None:
    done = run(document, "--json")
    report = json.loads(done.stdout)
    assert list(report) == ["schema", "documents", "connections", "missing", "warnings", "ignored", "faults"]
    assert report["schema"] == 1
    assert report["documents"] == [{"path": str(document), "format": "aws/generic-text"}]
    assert [tunnel["psk"] for tunnel in report["connections"][0]["tunnels"]] == ["***", "***"]
    assert done.stderr == ""


def test_standard_input() -> None:
    done = run("-", "--json", stdin=STRONGSWAN.replace("\n", "\r\n").encode("utf-16"))
    assert done.returncode == 0
    assert json.loads(done.stdout)["documents"] == [{"path": "<stdin>", "format": "aws/strongswan-text"}]


def test_a_folder_with_the_intent_and_its_keys(document: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    done = run(document, "-o", folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "2 keys" in done.stderr
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    for index, key in enumerate(KEYS, start=1):
        path = folder / "secrets" / f"{ID}-{index}.psk"
        assert path.read_text() == f"{key}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(key in (folder / "intent.yaml").read_text() for key in KEYS)
    assert sorted(path.name for path in folder.rglob("*")) == [
        "intent.yaml", "secrets", f"{ID}-1.psk", f"{ID}-2.psk",
    ]  # fmt: skip


def test_the_folder_is_a_valid_intent(document: Path, tmp_path: Path) -> None:
    run(document, "-o", tmp_path / "site")
    command = [sys.executable, "-m", "appliance.cli.main", "validate", str(tmp_path / "site" / "intent.yaml")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def test_what_is_there_is_not_overwritten_unless_forced(document: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    run(document, "-o", folder)
    assert run(document, "-o", folder).returncode == 0  # the same again
    document.write_text(GENERIC.replace(KEYS[1], "Fake.key.of.another"))
    done = run(document, "-o", folder)
    assert done.returncode == 4
    assert f"{ID}-2.psk" in done.stderr
    assert f"{ID}-1.psk" not in done.stderr
    assert (folder / "secrets" / f"{ID}-2.psk").read_text() == f"{KEYS[1]}\n"
    assert run(document, "-o", folder, "--force").returncode == 0
    assert (folder / "secrets" / f"{ID}-2.psk").read_text() == "Fake.key.of.another\n"


def test_faults_are_listed_with_their_places_and_nothing_is_written(document: Path, tmp_path: Path) -> None:
    document.write_text(GENERIC.replace("1436 bytes", "143600 bytes"))
    done = run(document, "-o", tmp_path / "site")
    assert done.returncode == 3
    assert done.stderr.count("Tunnel interface MTU") == 2
    assert f"{document}:" in done.stderr
    assert not (tmp_path / "site").exists()


def test_faults_for_programs(document: Path) -> None:
    document.write_text(GENERIC.replace(KEYS[0], f"{KEYS[0]}+"))
    done = run(document, "--json", "--show-secrets")
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert report["error"]["exit"] == 3
    assert report["error"]["faults"] == report["faults"]
    assert list(report["faults"][0]) == ["message", "file", "line", "key", "found", "allowed", "fix"]
    assert KEYS[0] not in done.stdout + done.stderr


def test_one_connection_of_several(document: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(GENERIC.replace(ID, "vpn-0000000b"))
    assert run(document, other).stdout.count("cloud: aws") == 2
    done = run(document, other, "--connection", "vpn-0000000b")
    assert (done.returncode, done.stdout.count("cloud: aws")) == (0, 1)
    done = run(document, other, "--connection", "vpn-0000000c")
    assert done.returncode == 2
    assert ID in done.stderr


@pytest.mark.parametrize("arguments", [[], ["/nowhere/vpn.txt"], ["-", "-"], ["/"], ["--no-such-option", "-"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert run(*arguments).returncode == 2


def test_what_is_too_large_to_be_a_document(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    assert run(path).returncode == 2


def test_bytes_that_are_no_document(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes(bytes(range(256)) * 8)
    done = run(path)
    assert done.returncode == 3
    assert "no format that we read" in done.stderr


def test_the_help_names_formats_and_exit_codes() -> None:
    text = run("--help").stdout
    assert all(words in text for words in ("aws/strongswan-text", "aws/generic-text", "Examples:", "Exit codes:"))


def test_a_document_that_is_far_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    done = run(path)
    assert done.returncode == 2
    assert "50 MB" in done.stderr
    assert run("-", stdin=b" " * (17 << 20)).returncode == 2


def test_a_redacted_document_holds_nothing_of_the_original(document: Path) -> None:
    done = run("--redact", document)
    assert done.returncode == 0
    assert not any(word in done.stdout for word in (*KEYS, ID, "198.51.100.7 ", "169.254.23.6"))
    assert "2 keys" in done.stderr
    assert run("-", "--json", stdin=done.stdout.encode()).returncode == 0


def test_what_cannot_be_read_is_redacted_too(tmp_path: Path) -> None:
    path = tmp_path / "mail.txt"
    path.write_text("psk = Real.Key.9 of 198.51.100.77\n")
    done = run("--redact", path)
    assert done.returncode == 0
    assert "Real" not in done.stdout
    assert "100.77" not in done.stdout


def files_of(user_data: str) -> dict[str, bytes]:
    """What cloud-init would write."""
    assert user_data.startswith("#cloud-config\n")
    made = {}
    for entry in yaml.safe_load(user_data)["write_files"]:
        assert entry["permissions"] == "0600"
        content = entry["content"].encode()
        packed = entry.get("encoding", "")
        content = base64.b64decode(content) if "b64" in packed else content
        made[entry["path"]] = gzip.decompress(content) if "gz" in packed else content
    return made


def test_user_data_carries_the_document_the_keys_and_the_flags(document: Path, tmp_path: Path) -> None:
    key = tmp_path / "one"
    key.write_text("Fake.key.given\n")
    flags = ("--bgp", "--lan", "172.16.20.0/24", "--lan", "172.16.21.0/24", "--psk", f"{ID}-1=file:{key}")
    done = run("--user-data", "--connection", ID, document, *flags)
    assert done.returncode == 0
    assert "bytes of 16384" in done.stderr
    files = files_of(done.stdout)
    assert files["/etc/appliance/documents/vpn.txt"] == document.read_bytes()
    assert files[f"/etc/appliance/secrets/{ID}-1.psk"] == b"Fake.key.given\n"
    assert yaml.safe_load(files["/etc/appliance/configure.yaml"]) == {
        "from": ["/etc/appliance/documents/vpn.txt"],
        "bgp": True,
        "connection": ID,
        "lan": ["172.16.20.0/24", "172.16.21.0/24"],
        "psk": [f"{ID}-1=file:/etc/appliance/secrets/{ID}-1.psk"],
    }


def test_user_data_that_would_be_too_long_is_packed(document: Path) -> None:
    document.write_text(document.read_text() + "# more\n" * 3000)
    done = run("--user-data", document, "--bgp")
    assert len(done.stdout) < 16384
    assert files_of(done.stdout)["/etc/appliance/documents/vpn.txt"] == document.read_bytes()
    assert run("--user-data", document, "--bgp").stdout == done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--user-data", "DOCUMENT", "--nope"), "--nope"),
        (("--user-data", "DOCUMENT", "--asn", "x"), "--asn"),
        (("--user-data", "DOCUMENT", "--dry-run"), "first boot"),
        (("--user-data", "DOCUMENT", "--bgp", "other"), "other"),
        (("--user-data", "DOCUMENT", "--bgp", "--psk", "vpc-1=file:/nowhere"), "/nowhere"),
        (("--user-data", "DOCUMENT", "--lan", "172.16.20.0/24"), "--static"),
        (("DOCUMENT", "--bgp"), "--bgp"),
        (("--redact", "--user-data", "DOCUMENT"), "at a time"),
        (("--redact", "DOCUMENT", "-"), "one document"),
    ],
)
def test_words_that_make_no_sense(document: Path, words: tuple[str, ...], said: str) -> None:
    done = run(*(str(document) if word == "DOCUMENT" else word for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_help_lists_every_format_with_its_example() -> None:
    shown = " ".join(run("--help").stdout.split())
    for name, known in FORMATS.items():
        assert f"{name} {known.title} {' '.join(known.example.split())}" in shown


def test_files_and_the_report_at_once(document: Path, tmp_path: Path) -> None:
    done = run("--json", "-o", str(tmp_path / "site"), str(document))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["documents"][0]["format"] == "aws/generic-text"
    assert (tmp_path / "site" / "intent.yaml").exists()
