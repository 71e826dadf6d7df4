"""One guest with engines for all tests of a session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engines, build_archives


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    with tempfile.TemporaryDirectory(prefix="eng-", dir="/var/tmp") as folder:
        engines = Engines(Path(folder), build_archives())
        try:
            engines.start()
            engines.start_docker()
            yield engines
        finally:
            engines.stop()
