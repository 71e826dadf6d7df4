"""Namespaces for the packet tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firewall.wires import Wires, ask_for_namespaces


@pytest.fixture(scope="session")
def wires() -> Iterator[Wires]:
    ask_for_namespaces()
    made = Wires()
    try:
        made.build()
        yield made
    finally:
        made.remove()
