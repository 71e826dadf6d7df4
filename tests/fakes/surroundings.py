"""What a machine of fakes has around it: a clock that moves when somebody sleeps, and the kernel's settings."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.kernel import FakeKernel

FRESH = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.fib_multipath_hash_policy": "0",
    "net.ipv4.nexthop_compat_mode": "1",
    "net.ipv4.conf.all.send_redirects": "1",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.fib_multipath_hash_policy": "0",
}
"""Settings of a kernel that nobody configured."""


class Clock:
    """``now`` moves when somebody sleeps; each of ``ticks`` is called then with the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ticks: list[Callable[[float], None]] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.now += max(seconds, 0.1)
        for tick in self.ticks:
            tick(self.now)


class Settings(dict[str, str]):
    """The kernel's settings: those of the machine, and those of each link, which come and go with it."""

    def __init__(self, kernel: FakeKernel) -> None:
        super().__init__(FRESH)
        self.kernel = kernel
        self.of: dict[str, int] = {}

    def __contains__(self, name: object) -> bool:
        link = link_of(str(name))
        return super().__contains__(name) if link is None else link in self.kernel.links

    def __getitem__(self, name: str) -> str:
        link = link_of(name)
        if link is not None and self.of.get(name) != self.kernel.links[link].index:
            return "0"
        return super().__getitem__(name)

    def __setitem__(self, name: str, value: str) -> None:
        link = link_of(name)
        if link is not None:
            self.of[name] = self.kernel.links[link].index
        super().__setitem__(name, value)


def link_of(setting: str) -> str | None:
    """The link that a setting belongs to."""
    words = setting.split(".")
    is_own = words[1:3] in (["ipv4", "conf"], ["ipv6", "conf"]) and words[3] not in ("all", "default")
    return words[3].replace("/", ".") if is_own else None
