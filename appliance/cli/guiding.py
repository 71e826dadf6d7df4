"""The few questions of a machine that nobody told anything, on its console: what `configure` needs, and a way in."""

from __future__ import annotations

import re
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeVar

import click

from appliance.cli.output import say

END = "."
"""The line that ends a document: a terminal has no end of file that one can send twice."""
EVERY = 2.0  # seconds between two looks whether the machine was configured from elsewhere
Answer = TypeVar("Answer")
_KEY_LINE = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-\S+) [A-Za-z0-9+/]+=*( .*)?")
"""A line of authorized_keys(5) without options: those are for whoever can log in already."""


@dataclass(frozen=True, slots=True)
class Answers:
    """``settings`` are the options of `configure` by their long names; ``key`` may log in as root by SSH."""

    document: str
    settings: dict[str, Any]
    key: str | None


def wait_for_somebody(settled: Callable[[], bool]) -> bool:
    """Until Enter is pressed here (True), or the machine is configured from elsewhere (False)."""
    click.echo("appliance: press Enter to configure it here")
    while not settled():
        if select.select([sys.stdin], [], [], EVERY)[0]:
            sys.stdin.readline()
            return True
    return False


def ask_for_all() -> Answers:
    """Everything, one question after the other. What cannot be is asked again; click.Abort when there is no answer."""
    document = _ask_for_document()
    bgp = ask("Who routes: bgp or static [bgp]", _routing)
    settings: dict[str, Any] = {"bgp" if bgp else "static": True, "wait": "60s"}
    settings["lan"] = ask("Networks of yours, as in 172.16.20.0/24", _networks)
    if bgp:
        for option, question in (("asn", "Your ASN, if not as in the document"), ("peer-asn", "Theirs, if another")):
            if number := ask(question, _number):
                settings[option] = number
    else:
        settings["network"] = ask("Networks of theirs, as in 10.0.0.0/16", _networks)
    if uplink := ask("Interface to the Internet, if not where the default route leads", str):
        settings["uplink"] = [uplink]
    return Answers(document, settings, ask("SSH public key of who may log in as root, or nothing", _key) or None)


def agrees(question: str) -> bool:
    """Yes, or nothing, is consent."""
    return ask(f"{question} [Y/n]", _consent)


def ask(question: str, parse: Callable[[str], Answer]) -> Answer:
    """What ``parse`` makes of the line that comes; asked again as long as it cannot be (click.BadParameter). On stdout,
    which is the console, and line by line: Python's own prompt goes to stderr, and reads on behind what it returns.
    """
    while True:
        click.echo(f"{question}: ", nl=False)
        if not (line := sys.stdin.readline()):
            raise click.Abort
        try:
            return parse(line.strip())
        except click.BadParameter as error:
            click.echo(f"Error: {error.message}")


def _ask_for_document() -> str:
    click.echo(f"Paste the document that the cloud gave you, then a line with `{END}` alone:")
    while True:
        lines = []
        while (line := sys.stdin.readline()).rstrip("\r\n") != END:
            if not line:
                raise click.Abort
            lines.append(line)
        if "".join(lines).strip():
            return "".join(lines)
        say(f"That was nothing. The document, then a line with `{END}`:")


def _routing(text: str) -> bool:
    if text not in ("", "bgp", "static"):
        raise click.BadParameter(f"{text!r} is neither bgp nor static")
    return text != "static"


def _consent(text: str) -> bool:
    if text.lower() not in ("", "y", "yes", "n", "no"):
        raise click.BadParameter("y or n")
    return not text.lower().startswith("n")


def _networks(text: str) -> list[str]:
    words = text.replace(",", " ").split()
    for word in words:
        try:
            ip_network(word)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
    if not words:
        raise click.BadParameter("at least one")
    return words


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 32):
        raise click.BadParameter("1 to 4294967295")
    return int(text)


def _key(text: str) -> str:
    line = text.strip()
    if line and not _KEY_LINE.fullmatch(line):
        raise click.BadParameter("a line as in id_ed25519.pub: its kind, then the key")
    return line
