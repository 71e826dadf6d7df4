"""Namespaces for the packet tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.firewall.ruleset import render_ruleset
from tests.firewall.scenes import SHARED
from tests.firewall.stage import OURS, V4, V6, Family, Stage
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


@pytest.fixture(scope="module")
def whole_stage(wires: Wires) -> Stage:
    return Stage(wires)


@pytest.fixture
def stage(whole_stage: Stage) -> Stage:
    """With nothing in the air from the test before."""
    for plug in (whole_stage.lan, whole_stage.isp, whole_stage.cloud_1, whole_stage.cloud_2):
        plug.forget()
    return whole_stage


@pytest.fixture(params=[V4, V6], ids=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param


@pytest.fixture(params=[SHARED, OURS], ids=["shared-host", "own-image"])
def table(request: pytest.FixtureRequest, wires: Wires) -> None:
    wires.load(render_ruleset(request.param))
