"""Formatter, linter, type checker and the rules that no tool knows, as tests."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_BUDGET = 300  # lines
FUNCTION_BUDGET = 30  # lines, docstring and all
FILE_LIMIT, FUNCTION_LIMIT = 400, 60
"""Above the budget a file is named in a warning; above the limit the test fails."""

FOREIGN_PLACES = re.compile(
    "|".join(("/" + "work/", "/tmp/" + "team", "/root/" + r"\.(pyenv|cache|config)", "/home/" + r"\w+/"))
)
"""Places of a developer's machine: they mean nothing anywhere else."""

READING_MATTER = re.compile(
    "|".join(
        (
            "style-" + "examples",
            "peers-and-" + "seeds",
            "cloud-" + r"gateways\.md",
            "shared/" + r"(design|reference|seeds)",
            r"\bS[0-4]" + r"\.[A-K]\d",
            "issues " + "show",
        )
    )
)
"""The project speaks of itself alone."""

LEAKED = {
    "5f63ee5975131634",
    "0463193e4f86514c",
    "ddf3fdb5df2408f6",
    "bfe5c871a5bad752",
    "55806b668eecb8f4",
    "b88c1d44fdec708a",
    "f65c1d72238fdb70",
    "7001de10020ffa1b",
}
"""First digits of SHA-256 of words that stand in public documents by mistake: keys and identifiers of a real
connection. They must never be here in clear, so this list does not show them either."""

DOCUMENTATION = [
    ip_network(text)
    for text in ("0.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "100.64.0.0/10", "224.0.0.0/3")
]
"""RFC 5737 and what is no one's on the Internet, beside the private and link-local networks."""


def tracked() -> list[Path]:
    """Every file of the project: what is committed and what would be."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git is needed to list the project's files: {error}")
    return [path for name in sorted(filter(None, listed.split("\0"))) if (path := ROOT / name).is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_finds_nothing() -> None:
    run("ruff", "check", ".")


def test_the_formatter_changes_nothing() -> None:
    run("ruff", "format", "--check", ".")


def test_the_types_are_right() -> None:
    run("mypy")


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_and_functions_keep_to_their_budget() -> None:
    beyond = []
    for path in sorted((ROOT / "appliance").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        sizes = [(f"{path.relative_to(ROOT)}", len(text.splitlines()), FILE_BUDGET, FILE_LIMIT)]
        sizes += [
            (f"{path.relative_to(ROOT)}: {name}", size, FUNCTION_BUDGET, FUNCTION_LIMIT)
            for name, size in functions(ast.parse(text))
        ]
        for name, size, budget, limit in sizes:
            if size > budget:
                warnings.warn(f"{name}: {size} lines, budget {budget}", stacklevel=1)
            if size > limit:
                beyond.append(f"{name}: {size} lines, limit {limit}")
    assert beyond == []


def test_every_source_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "appliance").rglob("*.py"))
        if (text := path.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


@pytest.mark.parametrize("pattern", [FOREIGN_PLACES, READING_MATTER], ids=["places", "reading"])
def test_the_project_speaks_of_itself_alone(pattern: re.Pattern[str]) -> None:
    found = [f"{path}: {hit[0]}" for path, text in texts() for hit in pattern.finditer(text)]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert FOREIGN_PLACES.search("/" + "work/main")
    assert FOREIGN_PLACES.search("see /home/" + "somebody/x")
    assert READING_MATTER.search("as in S0" + ".D11")


def words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z0-9_-]{6,64}", text))


def test_nothing_leaked_elsewhere_is_repeated_here() -> None:
    found = [f"{path}: {word[:3]}…" for path, text in texts() for word in words(text) if digest(word) in LEAKED]
    assert found == []


def digest(word: str) -> str:
    return sha256(word.encode()).hexdigest()[:16]


def foreign_addresses(text: str) -> set[str]:
    """IPv4 addresses that belong to somebody; a whole first octet is a boundary, no address,
    and a section of an RFC neither."""
    found = set()
    for word in re.findall(r"(?<!section )(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])", text):
        try:
            address = ip_address(word)
        except ValueError:
            continue
        if (
            address.is_global
            and not word.endswith(".0.0.0")
            and not any(address in network for network in DOCUMENTATION)
        ):
            found.add(word)
    return found


def test_addresses_are_nobodys() -> None:
    assert foreign_addresses("from 8.8" + ".8.8 to 192.0.2.1") == {"8.8" + ".8.8"}
    found = [
        f"{path}: {address}"
        for path, text in texts()
        if path.name != "requirements.lock"
        for address in foreign_addresses(text)
    ]
    assert found == []
