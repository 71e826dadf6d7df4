"""How flows spread over tunnels."""

from __future__ import annotations

from collections.abc import Sequence

from measuring import CLEAR, ENCRYPTED, send_stream, watching
from observing import sent_packets


def spread(flows: int, host: str, over: Sequence[str], links: Sequence[str]) -> None:
    """So many flows from the LAN leave ``over`` these interfaces, each a quarter of an even share at least, all are
    answered, and on the Internet router's ``links`` there is nothing but IKE and ESP."""
    before = [sent_packets("gw", interface) for interface in over]
    with watching("internet", links, clear=CLEAR, encrypted=ENCRYPTED) as seen:
        result = send_stream("lan", host, "--flows", str(flows), "--rate", "5", "--seconds", "4")
    took = [sent_packets("gw", interface) - was for interface, was in zip(over, before, strict=True)]
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}"
    assert min(took) >= result["sent"] / (4 * len(over)), f"packets by tunnel: {took}"
    assert seen.counts["encrypted"] >= 2 * result["sent"], seen.each
    assert not seen.counts["clear"], seen.packets
