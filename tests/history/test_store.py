"""Files that survive: a full disk, a killed process, a second writer; and secrets that are read with care."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.history.files import SETTLED
from appliance.history.revision import Revision, parse_revision, render_revision
from appliance.history.store import Store
from appliance.model.fault import ApplianceError, SystemFailure, WrongUsage
from appliance.model.secret import Secret

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leftovers(store: Store) -> list[Path]:
    """Temporary files that somebody forgot."""
    folders = (store.config_dir, store.state_dir, store.run_dir)
    return [path for folder in folders if folder.exists() for path in folder.rglob(".*")]


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# -- the intent


def test_the_intent_is_kept(store: Store) -> None:
    assert store.read_intent() is None
    store.write_intent("version: 1\n")
    store.write_intent("version: 1  # größer\n")
    assert store.read_intent() == "version: 1  # größer\n"
    assert mode(store.intent_file) == 0o644
    assert leftovers(store) == []


@pytest.mark.usefixtures("open_umask")
def test_modes_do_not_depend_on_the_umask(store: Store) -> None:
    store.write_intent("")
    store.write_secret("vpc-1", Secret("not a real key"))
    store.keep_fingerprint_key()
    assert mode(store.intent_file) == 0o644
    assert mode(store.config_dir) == 0o755
    assert mode(store.config_dir / "secrets") == 0o700
    assert mode(store.config_dir / "secrets" / "vpc-1.psk") == 0o600
    assert mode(store.state_dir / "fingerprint.key") == 0o600


def test_a_strict_umask_still_lets_others_read_the_intent(store: Store) -> None:
    before = os.umask(0o077)
    try:
        store.write_intent("")
    finally:
        os.umask(before)
    assert mode(store.intent_file) == 0o644
    assert mode(store.config_dir) == 0o755


def test_an_intent_that_is_no_text_is_said_with_its_place(store: Store) -> None:
    store.write_intent("x")
    store.intent_file.write_bytes(b"name: \xff\n")
    with pytest.raises(SystemFailure, match=r"intent\.yaml is not text .*byte 6"):
        store.read_intent()


# -- learned prefixes


def test_learned_prefixes_add_up_until_they_are_forgotten(store: Store) -> None:
    a, b, c = map(ip_network, ("10.2.0.0/16", "10.1.0.0/16", "2001:db8::/32"))
    assert store.load_learned() == {}
    assert store.add_learned("vpc", [a]) == {"vpc": (a,)}
    assert store.add_learned("vpc", [c, b, a]) == {"vpc": (b, a, c)}
    assert store.add_learned("other", [a]) == {"vpc": (b, a, c), "other": (a,)}
    assert Store(store.config_dir, store.state_dir).load_learned() == {"vpc": (b, a, c), "other": (a,)}
    assert store.forget_learned("vpc") == {"other": (a,)}
    assert store.load_learned() == {"other": (a,)}


def test_nothing_new_is_not_written(store: Store) -> None:
    network = ip_network("10.1.0.0/16")
    store.add_learned("vpc", [network])
    before = (store.state_dir / "learned.json").stat()
    store.add_learned("vpc", [network])
    store.forget_learned("nobody")
    after = (store.state_dir / "learned.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"learned": []}', '{"learned": {"vpc": ["10.0.0.1/8"]}}'])
def test_damaged_knowledge_is_said_and_not_taken_for_none(store: Store, content: str) -> None:
    """What is not known to be protected could leave in clear."""
    store.add_learned("vpc", [ip_network("10.1.0.0/16")])
    (store.state_dir / "learned.json").write_text(content)
    with pytest.raises(SystemFailure, match=r"learned\.json is damaged") as refused:
        store.add_learned("vpc", [])
    assert refused.value.hint
    assert (store.state_dir / "learned.json").read_text() == content


# -- revisions


def test_revisions_are_numbered_and_kept(store: Store) -> None:
    assert store.revisions() == ()
    assert [store.save_revision(f"version: {n}\n", f"the {n}th", NOON) for n in range(1, 12)] == list(range(1, 12))
    assert [revision.number for revision in store.revisions()] == list(range(1, 12))
    third = store.load_revision(3)
    assert (third.intent, third.summary, third.at) == ("version: 3\n", "the 3th", NOON)


def test_a_revision_is_the_intent_to_the_letter_or_damaged(store: Store) -> None:
    written = "version: 1\r\nsite: {name: a}\n"
    store.save_revision(written, "", NOON)
    assert store.load_revision(1).intent == written
    file = store.state_dir / "revisions" / "000001.yaml"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SystemFailure, match=r"000001\.yaml is damaged: not the whole revision: 27 of 28 characters"):
        store.last_revision()


def test_a_number_is_not_given_twice(store: Store) -> None:
    for _ in range(3):
        store.save_revision("", "", NOON)
    (store.state_dir / "revisions" / "000001.yaml").unlink()
    assert store.save_revision("", "", NOON) == 4


def test_a_revision_that_is_not_there_names_those_that_are(store: Store) -> None:
    with pytest.raises(WrongUsage) as refused:
        store.load_revision(1)
    assert refused.value.hint == "revisions: none"
    store.save_revision("", "", NOON)
    with pytest.raises(WrongUsage) as refused:
        store.load_revision(2)
    assert refused.value.hint == "revisions: 1"


# -- the journal


def test_an_apply_that_ends_leaves_no_journal(store: Store) -> None:
    with store.journal("two links", ["link a", "link b"], NOON) as done:
        assert store.unfinished() is not None
        done("link a")
        done("link b")
    assert store.unfinished() is None
    assert leftovers(store) == []


def break_off(store: Store) -> None:
    """An apply that fails after the first of two changes."""
    with suppress(RuntimeError), store.journal("two links", ["link a", "link b"], NOON) as done:
        done("link a")
        raise RuntimeError


def test_an_apply_that_broke_off_is_remembered(store: Store) -> None:
    break_off(store)
    left = store.unfinished()
    assert left is not None
    assert (left.summary, left.at, left.pid, left.left) == ("two links", NOON, os.getpid(), ("link b",))
    with store.journal("again", ["link b"], NOON):
        pass
    assert store.unfinished() is None


OPEN = """
import os, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from appliance.history.store import Store
folder = Path("{folder}")
store = Store(folder / "etc", folder / "var", folder / "run")
"""

KILLED = """
with store.lock(), store.journal("three links", ["a", "b", "c"], datetime(2026, 1, 1, tzinfo=UTC)) as done:
    done("a")
    done("b")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_apply_is_noticed_and_its_lock_is_free(store: Store) -> None:
    script = OPEN.format(folder=store.state_dir.parent) + KILLED
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = store.unfinished()
    assert left is not None
    assert (left.done, left.left) == (("a", "b"), ("c",))
    with store.lock():
        pass


def test_a_last_line_cut_short_counts_as_not_written(store: Store) -> None:
    break_off(store)
    file = store.state_dir / "journal.jsonl"
    file.write_text(file.read_text() + '{"done": "link b')
    left = store.unfinished()
    assert left is not None
    assert left.left == ("link b",)


# -- the lock

HOLDS = """
with store.lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_who_is_first(store: Store) -> None:
    script = OPEN.format(folder=store.state_dir.parent) + HOLDS
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ApplianceError, match=f"process {first.pid} ") as refused, store.lock():
            pytest.fail("two writers")
        assert (refused.value.exit, refused.value.code) == (1, "locked")
        first.stdin.close()
        first.wait()
    with store.lock():
        assert (store.run_dir / "lock").read_text() == f"{os.getpid()}\n"


def test_what_fails_under_the_lock_keeps_its_own_name_and_frees_it(store: Store) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), store.lock():
        Path("/nowhere/elsewhere").read_text()
    with store.lock():
        pass


# -- when the disk says no


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow: as on a full disk, writing fails in the middle. Around the calls alone: the limit is the whole
    process's, and a test runner writes its report into a file too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_leaves_the_old_file_and_no_rest(store: Store) -> None:
    with full_disk():
        store.write_intent("version: 1\n")
        with pytest.raises(SystemFailure) as refused:
            store.write_intent("version: 1\n" + "#" * 100)
        with pytest.raises(SystemFailure):
            store.keep_fingerprint_key()
        with pytest.raises(SystemFailure):
            store.save_revision("version: 1\n", "", NOON)
    assert str(store.config_dir) in refused.value.message
    assert store.read_intent() == "version: 1\n"
    assert store.revisions() == ()
    assert leftovers(store) == []


def test_no_space_left_is_said_with_a_remedy(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system of its own: {mounted.stderr.strip()}")
    try:
        store = Store(disk / "etc", disk / "var", disk / "run")
        store.write_intent("small\n")
        with pytest.raises(SystemFailure) as refused:
            store.write_intent("x" * 100_000)
        assert refused.value.hint == "free some space"
        assert store.read_intent() == "small\n"
        assert leftovers(store) == []
        store.write_intent("still works\n")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file", tmp_path / "file", tmp_path / "file")
    tries = (
        lambda: store.write_intent(""),
        lambda: store.write_secret("a", Secret("not a real key")),
        lambda: store.keep_fingerprint_key(),
        lambda: store.add_learned("vpc", [ip_network("10.0.0.0/8")]),
        lambda: store.save_revision("", "", NOON),
        lambda: store.lock().__enter__(),
        lambda: store.journal("", [], NOON).__enter__(),
    )
    for attempt in tries:
        with pytest.raises(SystemFailure, match=str(tmp_path / "file")):
            attempt()


def test_a_reader_never_sees_half_a_file(store: Store) -> None:
    """One process replaces the intent as fast as it can; whatever is read meanwhile is whole."""
    script = OPEN.format(folder=store.state_dir.parent) + (
        "while True:\n    for letter in 'ab':\n        store.write_intent(letter * 200_000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT) as writer:
        seen: set[str] = set()
        reads = 0
        while len(seen) < 2 or reads < 200:
            text = store.read_intent()
            reads += 1
            if text is not None:
                assert text in ("a" * 200_000, "b" * 200_000)
                seen.add(text[0])
        writer.kill()
    assert (store.read_intent() or "")[:1] in "ab"


def aged(path: Path) -> None:
    """Old enough for another change to have another time."""
    until(lambda: time.time_ns() - path.stat().st_ctime_ns > 2 * SETTLED)


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("settled", [False, True])
def test_an_intent_edited_in_place_is_read_again(store: Store, settled: bool) -> None:
    """Of the same length, and with its time set back."""
    store.write_intent("version: 1\n")
    if settled:
        aged(store.intent_file)
    before = store.intent_file.stat()
    assert store.read_intent() == store.read_intent() == "version: 1\n"
    store.intent_file.write_text("version: 2\n")
    os.utime(store.intent_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.read_intent() == "version: 2\n"
    store.intent_file.unlink()
    assert store.read_intent() is None


def test_an_intent_that_nobody_touched_is_not_read_again(store: Store) -> None:
    store.write_intent("version: 1\n")
    aged(store.intent_file)
    assert store.read_intent() is store.read_intent()
    store.write_intent("version: 2\n")
    assert store.read_intent() == "version: 2\n"


@given(st.text() | st.text(alphabet='a"\\\\\n\t\x7f\u00fc', max_size=20))
def test_any_intent_comes_out_of_its_revision_as_it_went_in(text: str) -> None:
    revision = Revision(7, datetime(2026, 1, 1, tzinfo=UTC), 'add "vpc"', text)
    assert parse_revision(render_revision(revision)) == revision
    assert render_revision(revision).endswith(f"\n{text}")
