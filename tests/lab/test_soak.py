"""Which labs are run again and again with the second speaker."""

from __future__ import annotations

import re

from appliance.cli.lab import LABS, lab_names
from tests.groups import ROOT


def test_every_lab_that_speaks_bgp_is_run_with_either_speaker() -> None:
    """One lays its intent out with the speaker asked for, or tells `configure`; the embedded speaker's own lab has no
    choice."""
    spoken = re.search(r"(?m)^SPOKEN := (.*)$", (ROOT / "Makefile").read_text())
    assert spoken
    intents = {name: LABS / name / "site" / "intent.yaml" for name in lab_names()}
    laid_out = {name for name, file in intents.items() if file.exists() and "mode: bgp" in file.read_text()}
    assert set(spoken[1].split()) == laid_out | {"aws-bgp-ecmp"}
