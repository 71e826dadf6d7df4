"""What charon's door promises of tunnels that live: rekeyed, called, refused, closed by the cloud, and called back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appliance.ipsec.retry import Book
from appliance.model.change import Change
from appliance.model.sa import SaEvent, TunnelSa
from tests.contracts.charons import KEY, ONE, ONE_FAR, adds, both_up, good, same
from tests.ipsec.rig import is_up, key, run, until, varied


def test_a_rekey_brings_a_new_child_and_says_so(bench: Any) -> None:
    async def story() -> None:
        before = await both_up(bench)
        async with bench.door.listen() as heard:
            outcome = await bench.door.rekey_child("vpc-1")
            assert outcome.done
            assert "NO_PROPOSAL" not in str(outcome.lines)

            async def told() -> bool:
                return SaEvent("child-rekey", "vpc-1", up=True) in heard.heard

            await until(told, "nothing was heard of the rekey")
        now = {sa.name: sa for sa in await bench.door.sas() if sa.child_state == "installed"}
        assert now["vpc-1"].spi_in != before["vpc-1"].spi_in
        assert now["vpc-1"].esp_proposal == "aes256-sha256-modp2048"
        assert same(now["vpc-2"]) == same(before["vpc-2"])

    run(story())


def test_a_pfs_mismatch_shows_at_the_first_rekey_and_the_tunnel_lives_on(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(KEY, varied(ONE_FAR, child_proposals=("aes256-sha256-modp1024",)))))
        good(await bench.door.apply(adds(KEY, ONE)))
        before = await until(lambda: is_up(bench.door), "the tunnel does not come up")
        assert before is not None
        outcome = await bench.door.rekey_child("vpc-1")
        assert not outcome.done
        assert any("received NO_PROPOSAL_CHOSEN" in line.text for line in outcome.lines), outcome.lines
        after = await is_up(bench.door)
        assert after is not None
        assert same(after) == same(before)

    run(story())


def test_a_tunnel_is_started_once_however_often_it_is_asked_for(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        await bench.door.initiate("vpc-1")
        assert len(await bench.door.sas()) == 2
        await bench.door.terminate("vpc-1")
        assert [sa.name for sa in await bench.door.sas()] == ["vpc-2"]
        await bench.door.initiate("vpc-1")
        await until(lambda: is_up(bench.door), "the tunnel does not come back")

    run(story())


def test_a_listener_hears_why_a_tunnel_fails_and_iterates_in_order(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(key("another-fake-key"), ONE_FAR)))
        async with bench.door.listen() as heard:
            good(await bench.door.apply(adds(KEY, ONE)))

            async def refused() -> bool:
                return any("AUTHENTICATION_FAILED" in line.text for line in heard.lines())

            await until(refused, "the refusal was not heard")
            first = await asyncio.wait_for(anext(aiter(heard)), 1)
            assert first == heard.heard[0]

    run(story())


def test_only_the_child_is_started_where_only_the_child_is_missing(bench: Any) -> None:
    async def story() -> None:
        refusing = varied(ONE_FAR, child_proposals=("aes128-sha1-modp2048",))
        good(await bench.cloud.apply(adds(KEY, refusing)))
        good(await bench.door.apply(adds(KEY, ONE)))

        async def childless() -> TunnelSa | None:
            return next((sa for sa in await bench.door.sas() if sa.ike_state == "established" and not sa.up), None)

        before = await until(childless, "there is no IKE_SA without a child")
        assert before is not None
        bench.cloud_reloads(ONE_FAR)
        await bench.door.initiate("vpc-1")
        await until(lambda: is_up(bench.door), "the child does not come up")
        assert len(await bench.door.sas()) == 1

    run(story())


def test_ikev1_comes_up_rekeys_and_goes(bench: Any) -> None:
    async def story() -> None:
        old, old_far = varied(ONE, version=1, dpd_timeout=30), varied(ONE_FAR, version=1)
        good(await bench.cloud.apply(adds(KEY, old_far)))
        good(await bench.door.apply(adds(KEY, old)))
        before = await until(lambda: is_up(bench.door), "the tunnel does not come up")
        assert before is not None
        assert (before.version, before.if_id) == (1, 17)
        assert (await bench.door.rekey_child("vpc-1")).done

        async def renewed() -> bool:
            return any(sa.up and sa.spi_in != before.spi_in for sa in await bench.door.sas())

        await until(renewed, "there is no new child")
        assert await bench.door.observe() == {KEY, old}
        good(await bench.door.apply([Change(old, None)]))
        assert await bench.door.sas() == ()

    run(story())


@pytest.mark.parametrize("shared", ["real"], indirect=True)
def test_two_that_call_at_once_end_up_with_one_tunnel(bench: Any) -> None:
    """Calls in memory take no time, so none cross."""

    async def story() -> None:
        good(await bench.door.apply(adds(KEY)))
        good(await bench.cloud.apply(adds(KEY)))
        eager = varied(ONE_FAR, child_start_action="start")
        await asyncio.gather(bench.door.apply(adds(ONE)), bench.cloud.apply(adds(eager)))

        async def one_and_the_same() -> bool:
            await bench.door.tidy(settled_s=1)
            ours, theirs = await bench.door.sas(), await bench.cloud.sas()
            settled = [sa.up and (sa.installed_s or 0) >= 2 for sa in ours] == [True]
            return settled and [sa.ike_spis for sa in ours] == [sa.ike_spis for sa in theirs]

        await until(one_and_the_same, "the two ends do not come to one tunnel", patience=60.0)

    run(story())


def test_a_refused_tunnel_comes_up_once_the_cloud_has_changed_its_mind(bench: Any) -> None:
    async def story() -> None:
        good(await bench.cloud.apply(adds(key("another-fake-key"), ONE_FAR)))
        good(await bench.door.apply(adds(KEY, ONE)))
        book: Book = {}

        async def idle() -> bool:
            return await bench.door.sas() == ()

        async def tended() -> TunnelSa | None:
            nonlocal book
            book = await bench.door.tend(book)
            return await is_up(bench.door)

        await until(idle, "the tunnel is not refused")
        assert await tended() is None
        assert book.keys() == {"vpc-1"}
        await until(idle, "the tunnel is not refused again")
        good(await bench.cloud.apply([Change(key("another-fake-key"), KEY)]))
        await until(tended, "the tunnel is not called again")
        await tended()
        assert book == {}

    run(story())


def test_a_tunnel_that_the_cloud_closes_is_called_back(bench: Any) -> None:
    async def story() -> None:
        await both_up(bench)
        await bench.cloud.terminate("vpc-1")
        book: Book = {}

        async def tended() -> bool:
            nonlocal book
            book = await bench.door.tend(book)
            return {sa.name for sa in await bench.door.sas() if sa.up} == {"vpc-1", "vpc-2"}

        await until(tended, "the tunnel is not called back")
        assert len(await bench.door.sas()) == 2

    run(story())
