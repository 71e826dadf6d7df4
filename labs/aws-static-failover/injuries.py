"""Every injury of the matrix, with static routes: one tunnel carries, and stays in use while it works."""

from __future__ import annotations

from importlib import import_module

from checking import check
from injecting import End, Field, inject
from scene import FAILBACK, FIRST, HOST, LAN, OUTSIDE, SECOND, VPC, change_intent, somebody_carries

for kind in ("breaking", "killing", "draining"):
    import_module(kind)


@check(timeout=180)
def the_operator_wants_no_failback() -> None:
    """With `failback: stay` traffic stays where it is, which an apply does not change."""
    change_intent(f"failback: {{policy: revert, after: {FAILBACK}s}}", "failback: {policy: stay}")
    assert somebody_carries()


inject(
    Field(
        ends=(
            End(FIRST.remote, FIRST.inside, "169.254.23.5", "aws1"),
            End(SECOND.remote, SECOND.inside, "169.254.22.73", "aws2"),
        ),
        lan=LAN,
        prefix=VPC,
        host=HOST,
        outside=OUTSIDE,
    )
)
