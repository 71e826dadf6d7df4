"""Files of tests that mostly wait, several at once: each file's tests stay in one pytest, in their order.

    python -m tests.side_by_side PROCESSES RESULTS.xml [pytest's options] FILE...

Whoever is free takes the next file, the longest first. What each said comes when it has ended, the results of all go
into one JUnit file. The exit code is pytest's: the worst of all, and 5 where there is no test to run.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree


def main(words: Sequence[str]) -> int:
    """Returns the exit code."""
    processes, results, *rest = words
    options = [word for word in rest if not Path(word).exists()]
    collected = collect(rest)
    if collected.returncode:
        sys.stdout.write(collected.stdout)
        return collected.returncode
    found = {Path(line.partition("::")[0]) for line in collected.stdout.splitlines() if "::" in line}
    files = sorted(found, key=lambda file: file.stat().st_size, reverse=True)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(int(processes)) as several:
        places = [Path(folder, f"{number}.xml") for number in range(len(files))]
        codes = [*several.map(lambda file, place: run(options, file, place), files, places)]
        merge(places, Path(results))
    return max(codes)


def collect(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """What pytest says that it would run."""
    command = (sys.executable, "-m", "pytest", "--collect-only", *words)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def run(options: Sequence[str], file: Path, results: Path) -> int:
    """Run one file's tests; returns pytest's exit code."""
    command = (sys.executable, "-m", "pytest", *options, f"--junitxml={results}", str(file))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    sys.stdout.write(f"{file}:\n{done.stdout.decode(errors='replace')}")
    sys.stdout.flush()
    return done.returncode


def merge(places: Iterable[Path], into: Path) -> None:
    """One file of the suites of several."""
    whole = ElementTree.Element("testsuites")
    for place in places:
        if place.exists():
            whole.extend(ElementTree.parse(place).getroot())
    into.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(whole).write(into, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
