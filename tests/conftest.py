"""Options of the whole suite."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("fuzz", settings.get_profile("suite"), derandomize=False, max_examples=250)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
# No deadline: a busy machine is no failure. No database: a run leaves nothing behind. The same examples at every run:
# what was not changed does not fail today and pass tomorrow; chance, and five times as many, are for `make soak`.


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--update`` rewrites golden files instead of comparing with them; read the difference before committing it."""
    parser.addoption("--update", action="store_true", help="rewrite golden files")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update"))
