"""A machine that nobody told anything: the questions on its console end in what user-data would have brought."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from appliance.cli.first_boot import known_options
from appliance.cli.guiding import ask_for_all
from appliance.image.seed import Seed
from appliance.image.settings import parse_settings, render_settings

DOCUMENT = "Tunnel 1\n  Pre-Shared Key: this.key.is.fake\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2VmYWtlZmFrZWZha2VmYWtlZmFrZWZha2VmYWtl fake@example"


def ask(text: str) -> Result:
    """What ``ask_for_all`` makes of somebody's typing, as a mapping."""
    command = click.Command("ask", callback=lambda: asdict(ask_for_all()))
    return CliRunner().invoke(command, input=text, standalone_mode=False)


def test_a_few_answers_are_enough() -> None:
    answers = ask(f"{DOCUMENT}.\n\n172.16.20.0/24\n\n\n\n\n").return_value
    assert answers == {
        "document": DOCUMENT, "settings": {"bgp": True, "wait": "60s", "lan": ["172.16.20.0/24"]}, "key": None,
    }  # fmt: skip


def test_every_question_can_be_answered() -> None:
    answers = ask(f"{DOCUMENT}.\nbgp\n172.16.20.0/24, 2001:db8::/48\n65010\n64512\nisp1=eth0\n{KEY}\n").return_value
    expected = {"asn": 65010, "peer-asn": 64512, "uplink": ["isp1=eth0"], "lan": ["172.16.20.0/24", "2001:db8::/48"]}
    assert {name: answers["settings"][name] for name in expected} == expected
    assert answers["key"] == KEY


def test_static_asks_for_their_networks() -> None:
    settings = ask(f"{DOCUMENT}.\nstatic\n172.16.20.0/24\n10.0.0.0/16\n\n\n").return_value["settings"]
    assert settings == {"static": True, "wait": "60s", "lan": ["172.16.20.0/24"], "network": ["10.0.0.0/16"]}


def test_what_cannot_be_is_asked_again() -> None:
    wrong = f".\n{DOCUMENT}.\nospf\nbgp\n172.16.20.1/24\nhere\n172.16.20.0/24\n0\n65010\n\n\nmy key\n{KEY}\n"
    result = ask(wrong)
    assert result.return_value["settings"]["asn"] == 65010
    assert result.return_value["key"] == KEY
    assert result.output.count("Error:") == 5


@pytest.mark.parametrize("text", ["", DOCUMENT, f"{DOCUMENT}.\nbgp\n"])
def test_an_answer_that_ends_is_no_answer(text: str) -> None:
    assert isinstance(ask(text).exception, click.Abort)


def test_the_answers_are_what_a_first_boot_reads(tmp_path: Path) -> None:
    seed = Seed(tmp_path / "etc", tmp_path / "state", tmp_path / "instance-id")
    answers = ask(f"{DOCUMENT}.\n\n172.16.20.0/24\n65010\n\n\n{KEY}\n").return_value
    settings = render_settings({"from": [str(seed.pasted_file)], **answers["settings"]})
    seed.bring(answers["document"], settings, answers["key"])
    words = parse_settings(seed.settings() or "", "configure.yaml", known_options())
    assert words[:2] == ("--from", str(tmp_path / "etc/documents/console.txt"))
    assert {"--bgp", "--lan", "172.16.20.0/24", "--asn", "65010"} <= set(words)
    keys = tmp_path / "etc/ssh/authorized_keys"
    assert keys.read_text() == f"{KEY}\n"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert seed.tighten() == ()


def test_a_question_is_on_the_terminal_whatever_stderr_is(tmp_path: Path) -> None:
    """A unit's stderr is the journal's. What was typed ahead is the next question's."""
    ours, theirs = pty.openpty()
    program = "from appliance.cli.guiding import ask; print(ask('One', str), ask('Two', str), end=';', flush=True)"
    with (tmp_path / "stderr").open("wb") as elsewhere:
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=elsewhere)
    os.write(ours, b"first\nsecond\n")
    said = b""
    while not said.endswith(b";"):
        said += os.read(ours, 1024)
    assert process.wait(20) == 0
    assert [said.count(word) for word in (b"One: ", b"Two: ", b"first second;")] == [1, 1, 1]
    assert (tmp_path / "stderr").read_bytes() == b""
