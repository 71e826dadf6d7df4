"""Somebody takes away what the appliance put into the kernel."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import send_stream
from observing import ip
from scene import FIRST, HOST, SECOND, VPC, carries, link, somebody_carries, within

SOON = 30.0
"""Seconds; it takes a tenth of one on a machine that has time, and a busy one takes its own."""


@check(timeout=300)
def what_a_stranger_removes_is_back_at_once() -> None:
    """A route, a link set down, a link deleted, the whole packet filter, forwarding: each is back within a moment.

    On a machine that is slow to mend the other tunnel carries meanwhile, and may go on.
    """
    gw = node("gw")
    name = link(FIRST if carries(FIRST) else SECOND)
    for deed, undone in (
        (f"ip route del {VPC} metric 100", somebody_carries),
        (f"ip link set {name} down", lambda: is_up(name) and somebody_carries()),
        (f"ip link del {name}", lambda: is_up(name) and somebody_carries()),
        ("nft delete table inet appliance", lambda: "appliance" in gw.run("nft", "list", "tables").out),
        ("sysctl -q -w net.ipv4.ip_forward=0", lambda: "1" in gw.run("cat", "/proc/sys/net/ipv4/ip_forward").out),
    ):
        gw.shell(deed)
        with within(SOON, f"mending after `{deed}`"):
            wait_for(undone, 40, f"to be mended: {deed}", every=0.02)
    assert not send_stream("lan", HOST, "--seconds", "2")["lost"]


def is_up(name: str) -> bool:
    return "UP" in ip("gw", "link", "show", "dev", name)[0]["flags"]
