"""What remains when the appliance is told to let go."""

from __future__ import annotations

from checking import check, node
from measuring import CLEAR, streaming, watching
from observing import ip
from scene import HOST, OUTSIDE, VPC

OURS = "173"
"""The protocol number of what the appliance puts into the kernel."""


@check(timeout=300)
def down_leaves_blackholes() -> None:
    """`down` takes everything away but the VPC's blackhole; nothing leaves in clear."""
    with watching("internet", OUTSIDE, clear=CLEAR) as seen, streaming("lan", HOST, flows=4, rate=25):
        node("gw").run("appliance", "down", "--yes")
        routes = ip("gw", "-4", "route", "show", "exact", VPC)
    assert [route.get("type") for route in routes] == ["blackhole"], routes
    left = [hop for hop in ip("gw", "nexthop", "show") if str(hop.get("protocol")) == OURS]
    assert not left, left
    assert not seen.counts["clear"], seen.packets
