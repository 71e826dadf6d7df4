"""Prefixes that a cloud ever announced: protected while it announces them, and ever after."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network, ip_address, ip_network

from appliance.daemon.loop import converge_once
from appliance.daemon.passes import make_wish, resolve_secrets
from appliance.daemon.protecting import learn, protect_learned
from appliance.intent.read import read_intent
from appliance.model.resources import Blackhole, FirewallTable
from tests.daemon.sites import HEAD, LAB, ONE, TWO, applied, settled
from tests.fakes.box import Box
from tests.fakes.frr import FarEnd

LEARNED = ip_network("10.0.0.0/16")
PEERS = [ip_address(text) for text in ("169.254.23.5", "169.254.22.73")]


def blackholes(box: Box) -> set[IPv4Network]:
    return {r.prefix for r in asyncio.run(box.holds()) if isinstance(r, Blackhole) and r.prefix.version == 4}


def test_a_learned_prefix_gets_its_twin_and_its_place_in_the_filter(box: Box) -> None:
    asyncio.run(applied(box, ONE))
    assert blackholes(box) == set()
    asyncio.run(converge_once(box.systems))
    assert blackholes(box) == {LEARNED}
    assert str(LEARNED) in str(box.nft.loaded)
    assert box.store.load_learned() == {"vpc": (LEARNED,)}
    assert asyncio.run(converge_once(box.systems)) == 0


def test_it_stays_when_the_cloud_takes_it_back_and_when_the_session_goes(box: Box) -> None:
    asyncio.run(settled(box, ONE))
    box.prefixes = {}
    assert asyncio.run(converge_once(box.systems)) == 0
    box.far = {}
    box.charon.standing.clear()
    assert asyncio.run(converge_once(box.systems)) == 0
    assert blackholes(box) == {LEARNED}


def test_what_the_filter_keeps_out_is_not_learned(box: Box) -> None:
    martian, ours, default = (ip_network(text) for text in ("100.64.0.0/16", "172.16.20.0/25", "0.0.0.0/0"))
    box.prefixes = {martian: 0, ours: 0, default: 0, LEARNED: 0}
    asyncio.run(settled(box, ONE))
    assert box.store.load_learned() == {"vpc": (LEARNED,)}
    assert blackholes(box) == {LEARNED}


def test_each_connection_learns_its_own(box: Box) -> None:
    second = ip_network("10.9.4.0/24")
    box.far = {ip_address(text): FarEnd(64512, 65010, {second: 0}) for text in ("169.254.123.5", "169.254.122.73")}
    asyncio.run(settled(box, TWO))
    assert box.store.load_learned() == {"vpc": (LEARNED,), "lab": (second,)}
    assert blackholes(box) == {LEARNED, second, ip_network("10.9.0.0/16")}


def test_learning_at_the_end_of_a_configure_touches_no_tunnel(box: Box) -> None:
    async def scene() -> None:
        await applied(box, ONE)
        intent, _, _ = read_intent(ONE, "intent.yaml")
        assert intent is not None
        wish = await make_wish(box.systems, intent, resolve_secrets(box.systems, intent))
        before = await box.charon.sas()
        report = await protect_learned(box.systems, wish)
        kinds = {type(outcome.change.resource) for outcome in report.outcomes}
        assert kinds == {Blackhole, FirewallTable}
        assert await box.charon.sas() == before
        assert (await protect_learned(box.systems, wish)).outcomes == ()

    asyncio.run(scene())


def test_what_the_daemon_heard_of_first_is_protected_when_configure_ends(box: Box) -> None:
    intent, _, _ = read_intent(ONE, "intent.yaml")
    assert intent is not None
    asyncio.run(applied(box, ONE))
    secrets = resolve_secrets(box.systems, intent)
    assert asyncio.run(learn(box.systems, asyncio.run(make_wish(box.systems, intent, {}))))
    assert LEARNED not in blackholes(box)
    asyncio.run(protect_learned(box.systems, asyncio.run(make_wish(box.systems, intent, secrets))))
    assert LEARNED in blackholes(box)


def test_a_first_boot_with_the_cloud_out_of_reach_lets_nothing_out(box: Box) -> None:
    """After a reboot the kernel is empty, but what was learned is remembered."""
    asyncio.run(settled(box, ONE))
    fresh = Box(box.folder)
    fresh.cloud.silent = True
    asyncio.run(converge_once(fresh.systems))
    assert blackholes(fresh) == {LEARNED}
    assert str(LEARNED) in str(fresh.nft.loaded)
    assert not any(sa.up for sa in asyncio.run(fresh.charon.sas()))
    first = next(one for one in fresh.kernel.tried if "xfrm-link" in one)
    assert fresh.kernel.tried.index(f"add blackhole {LEARNED} table 254") < fresh.kernel.tried.index(first)


def test_prefixes_of_a_connection_that_left_the_intent_stay(box: Box) -> None:
    asyncio.run(settled(box, TWO))
    asyncio.run(applied(box, HEAD + LAB))
    assert LEARNED in blackholes(box)
    assert str(LEARNED) in str(box.nft.loaded)
