"""The world outside is there, before anything is asked of the appliance."""

from __future__ import annotations

from functools import partial

from checking import check, node, wait_for
from measuring import start_services


def has_session(end: str) -> bool:
    return '"Established"' in node(end).run("vtysh", "-c", "show bgp summary json").out


@check(timeout=60)
def far_ends_are_ready() -> None:
    """Both tunnel ends have loaded their connections, speak BGP with the VPC's router, and the VPC host serves."""
    for end in ("aws1", "aws2"):
        loaded = node(end).run("swanctl", "--list-conns").out
        assert "first: IKEv1/2" in loaded, loaded
        wait_for(partial(has_session, end), 30, f"BGP between {end} and the VPC")
    start_services("vpc")
