"""The ground for what is done to this lab's tunnels: with static routes one of them carries."""

from __future__ import annotations

from injecting import End, Field
from scene import FIRST, HOST, LAN, OUTSIDE, SECOND, VPC

FIELD = Field(
    ends=(
        End(FIRST.remote, FIRST.inside, "169.254.23.5", "aws1"),
        End(SECOND.remote, SECOND.inside, "169.254.22.73", "aws2"),
    ),
    lan=LAN,
    prefix=VPC,
    host=HOST,
    outside=OUTSIDE,
)
