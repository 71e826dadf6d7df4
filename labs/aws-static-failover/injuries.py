"""Every injury of the matrix, with static routes."""

from __future__ import annotations

from checking import check
from field import FIELD
from injecting import inject
from scene import FAILBACK, change_intent, somebody_carries


@check(timeout=300)
def the_operator_wants_no_failback() -> None:
    """With `failback: stay` traffic stays where it is, which an apply does not change."""
    change_intent(f"failback: {{policy: revert, after: {FAILBACK}s}}", "failback: {policy: stay}")
    assert somebody_carries()


inject(FIELD, "breaking", "killing")
