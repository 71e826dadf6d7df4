"""``appliance configure`` from what each cloud gives: a plan with its defaults, and what is to do on its side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.profiles import PROFILES
from appliance.vendors import read_documents
from tests.cli.calling import Run
from tests.fakes.box import Box

PIPELINE = Path(__file__).resolve().parents[1] / "pipeline"
CASES = {
    "aws": "aws-describe-options", "alibaba": "alibaba-describe-dual", "gcp": "google-terraform-state",
    "azure": "azure-terraform-state", "oci": "oracle-terraform-state",
}  # fmt: skip


def wish(case: str, folder: Path) -> Iterator[str | Path]:
    """The arguments that lead from the case's documents to a plan: what they lack is given."""
    documents = sorted((PIPELINE / case).glob("document*"))
    (read,) = read_documents([(str(path), path.read_bytes()) for path in documents]).connections
    yield from ("configure", "--bgp", "--name", "vpc", "--lan", "172.16.20.0/24", "--dry-run", "--json")
    for document in documents:
        yield from ("--from", document)
    if read.asn is None:
        yield from ("--asn", "65010")
    key = folder / "fake.psk"
    key.write_text("FakeKeyOfATunnel1\n")
    for number, tunnel in enumerate(read.tunnels, start=1):
        if tunnel.psk is None:
            yield from ("--psk", f"vpc-{number}=file:{key}")


@pytest.mark.parametrize("cloud", CASES)
def test_a_document_of_each_cloud_becomes_a_plan(cloud: str, box: Box, run: Run, tmp_path: Path) -> None:
    done = run(*wish(CASES[cloud], tmp_path))
    assert done.code == 0, done.err + done.out
    plan = {change["key"]: change["text"] for change in done.json["plan"]}
    assert any(key.startswith("ike-connection vpc-") for key in plan)
    assert {task["cloud"] for task in done.json["todo"]} == {cloud}
    assert "FakeKey" not in done.out + done.err


def test_there_is_a_case_for_every_cloud() -> None:
    assert set(CASES) == set(PROFILES) - {"generic"}
