"""The kernel's news, on a real one in a namespace of its own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable

import pytest

from appliance.kernel.netlink import Kernel
from tests.contracts.namespace import ip, own_namespace


def told(*deeds: Callable[[], object]) -> list[set[str]]:
    """What is told after each deed of a stranger's."""

    async def scene() -> list[set[str]]:
        heard: asyncio.Queue[str] = asyncio.Queue()
        found = []
        with Kernel().watch(heard.put_nowait):
            for deed in deeds:
                deed()
                async with asyncio.timeout(5):
                    kinds = {await heard.get()}
                while not heard.empty():
                    kinds.add(heard.get_nowait())
                found.append(kinds)
        return found

    return asyncio.run(scene())


def test_links_addresses_routes_rules_and_nexthops_concern_us() -> None:
    with own_namespace():
        assert (
            told(
                lambda: ip("link add v1 type veth peer name v2"),
                lambda: ip("link set v1 up"),
                lambda: ip("address add 192.0.2.1/24 dev v1"),
                lambda: ip("route add 198.51.100.0/24 dev v1 proto 173"),
                lambda: ip("route del 198.51.100.0/24 dev v1"),
                lambda: ip("rule add from 192.0.2.0/24 lookup 300"),
                lambda: ip("nexthop add id 77 blackhole proto 173"),
                lambda: ip("-6 route add blackhole 2001:db8:1::/48 proto 173"),
            )
            == [{"network"}] * 8
        )


def test_what_bgp_brings_is_told_apart() -> None:
    with own_namespace():
        assert (
            told(
                lambda: ip("nexthop add id 77 dev lo proto zebra"),
                lambda: ip("route add 198.51.100.0/24 nhid 77 proto bgp"),
                lambda: ip("route del 198.51.100.0/24 proto bgp"),
            )
            == [{"learned"}] * 3
        )


def test_a_packet_filter_concerns_us() -> None:
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed: apt-get install nftables")
    with own_namespace():
        assert told(lambda: subprocess.run(["nft", "add", "table", "inet", "other"], check=True)) == [{"filter"}]
