"""Our labs are topologies that containerlab takes: judged by its own schema, where that is at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from appliance.lab.topology import parse_topology

ROOT = Path(__file__).resolve().parent.parent.parent
PLACES = (os.environ.get("CLAB_SCHEMA", ""), str(ROOT.parent / "shared/containerlab/clab.schema.json"))
LABS = sorted(ROOT.glob("labs/*/*.clab.yml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    path = next((Path(place) for place in PLACES if place and Path(place).is_file()), None)
    if path is None:
        pytest.skip("containerlab's schema is not at hand: CLAB_SCHEMA may name it")
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.parent.name)
def test_containerlab_takes_our_topologies(lab: Path, validator: Any) -> None:
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(lab.read_text()))]
    assert errors == []


def test_the_schema_judges(validator: Any) -> None:
    assert list(validator.iter_errors({"name": "x", "topology": {"nodes": {"a": {"no-such-key": 1}}}}))


@pytest.mark.parametrize("lab", LABS, ids=lambda path: path.parent.name)
def test_we_take_our_topologies(lab: Path) -> None:
    topology = parse_topology(lab.read_text(), str(lab))
    assert topology.name == lab.parent.name
    assert not topology.notices
    for node in topology.nodes:
        for bind in node.binds:
            assert (lab.parent / bind.source).exists(), f"{node.name}: {bind.source}"


def test_there_are_labs() -> None:
    assert LABS
