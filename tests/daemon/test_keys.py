"""Keys changed and rotated while the daemon runs: kept, used, and shown nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from appliance.cli.keys import change_key, draw_key, rotate_key
from appliance.cli.operations import Patience
from appliance.model.fault import FaultyInput, Refused, Reverted
from appliance.model.resources import SharedKey
from appliance.model.secret import Secret
from tests.daemon.sites import key_of
from tests.daemon.working import QUICK, STATIC, key_for, over, play, until
from tests.fakes.box import Box

pytestmark = pytest.mark.usefixtures("heard", "quickly")

NEW = Secret("Another.fake.key_of_vpc_1")


def test_another_key_is_kept_used_and_named_nowhere(box: Box, capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        before, text = dict(box.charon.standing), box.store.read_intent()
        told = await change_key(box.systems, "vpc-1", NEW, QUICK)
        assert (told["changed"], told["drained"]) == (True, False)
        assert box.store.resolve_all({"k": psk_ref("vpc-1")})["k"] == NEW
        assert box.charon.secret(box.charon.held["vpc-1"].connection) == NEW.reveal()
        assert box.charon.standing["vpc-1"].ike_id != before["vpc-1"].ike_id
        assert box.charon.standing["vpc-2"] == before["vpc-2"]
        assert box.store.read_intent() == text
        told = await change_key(box.systems, "vpc-1", NEW, QUICK)
        assert not told["changed"]

    said = play(box, STATIC, scene)
    captured = capfd.readouterr()
    shown = "\n".join((*said, captured.out, captured.err))
    assert "vpc-1" in shown
    assert NEW.reveal() not in shown
    kept = [name for name, text in box.files().items() if NEW.reveal() in text]
    assert kept == ["etc/secrets/vpc-1.psk"]


def psk_ref(name: str) -> Any:
    from appliance.model.intent import SecretRef

    return SecretRef("file", f"secrets/{name}.psk")


def test_a_key_that_the_cloud_cannot_have_changes_nothing(box: Box) -> None:
    async def scene() -> None:
        written = box.writes
        with pytest.raises(FaultyInput):
            await change_key(box.systems, "vpc-1", Secret("0 begins it"), QUICK)
        assert box.writes == written

    play(box, STATIC, scene)


def test_a_rotated_key_waits_for_the_cloud(box: Box, capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        box.cloud.keys["theirs"] = key_for(box, "theirs", key_of("vpc-1"))
        box.inbound = [4, 0]
        rotation = asyncio.create_task(rotate_key(box.systems, "vpc-1", NEW, True, QUICK))
        await until(lambda: box.charon.authenticated == ["vpc-1"])
        assert over(box) == ("vpc-2",)
        assert not rotation.done()
        box.cloud.keys["theirs"] = key_for_connection(box, NEW)
        await box.charon.initiate("vpc-1")
        told = await rotation
        assert told["changed"]
        assert "modify-vpn-tunnel-options" in told["todo"][0]["command"]
        assert "/secrets/vpc-1.psk" in told["todo"][0]["command"]
        await until(lambda: over(box) == ("vpc-1",))

    play(box, STATIC, scene)
    captured = capfd.readouterr()
    assert NEW.reveal() not in captured.out + captured.err


def key_for_connection(box: Box, secret: Secret) -> SharedKey:
    one = box.charon.held["vpc-1"].connection
    return SharedKey("theirs", (one.local_id, one.remote_id), "", secret)


def test_a_cloud_that_gets_no_key_keeps_the_old_one(box: Box) -> None:
    async def scene() -> None:
        box.cloud.keys["theirs"] = key_for(box, "theirs", key_of("vpc-1"))
        with pytest.raises(Reverted) as reverted:
            await rotate_key(box.systems, "vpc-1", NEW, True, Patience(0.1))
        assert reverted.value.exit == 5
        assert box.store.resolve_all({"k": psk_ref("vpc-1")})["k"] == key_of("vpc-1")
        assert box.charon.standing["vpc-1"].up
        assert box.store.load_operations().drained == {}

    play(box, STATIC, scene)


def test_no_key_is_changed_under_traffic(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.cli.keys.QUIET_WITHIN", 0.01)

    async def scene() -> None:
        box.inbound = [50]
        with pytest.raises(Refused) as refused:
            await rotate_key(box.systems, "vpc-1", NEW, True, QUICK)
        assert refused.value.code == "cloud-still-sends"
        assert box.charon.authenticated == []
        assert box.store.load_operations().drained == {}

    play(box, STATIC, scene)


def test_a_drawn_key_suits_every_cloud() -> None:
    keys = {draw_key().reveal() for _ in range(50)}
    assert len(keys) == 50
    assert all(len(key) == 32 and key.isalnum() and key[0].isalpha() for key in keys)
