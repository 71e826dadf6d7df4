"""What charon says to whoever starts a tunnel and does not wait."""

from __future__ import annotations

import pytest

from appliance.ipsec.applying import is_under_way


@pytest.mark.parametrize(
    ("answer", "under_way"),
    [
        (None, True),
        ("CHILD_SA 'appliance-vpc-1' not established after 1ms", True),
        ("CHILD_SA config 'appliance-vpc-1' not found", False),
        ("establishing CHILD_SA 'appliance-vpc-1' failed", False),
    ],
)
def test_what_goes_on_is_no_refusal(answer: str | None, under_way: bool) -> None:
    assert is_under_way(answer) is under_way
