"""What systemd wants to hear of a service (sd_notify(3)): that it is ready, and that it is alive.

The watchdog is fed by the daemon's own event loop: a loop that hangs stops feeding, and systemd starts the daemon anew.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping


def notify(words: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send ``READY=1``, ``STATUS=...`` or the like to who started us; False when nobody wants to know."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        try:
            end.sendto(words.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
        except OSError:  # whoever listened is gone, which is no reason to stop
            return False
    return True


def watchdog_period(environment: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two signs of life: half of what systemd allows; None when it does not watch this process."""
    allowed, watched = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not allowed.isdecimal() or int(allowed) == 0 or watched not in ("", str(os.getpid())):
        return None
    return int(allowed) / 2_000_000


async def feed_watchdog(environment: Mapping[str, str] = os.environ) -> None:
    """Give signs of life until cancelled; returns at once when nobody watches."""
    period = watchdog_period(environment)
    while period is not None:
        notify("WATCHDOG=1", environment)
        await asyncio.sleep(period)
