"""What gateways say that is wrong, too much or of another time; to the real ExaBGP, on a namespace's real kernel."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import thread_time

from tests.announce.far import UPDATE, attribute, until
from tests.contracts.namespace import ip
from tests.daemon.embedded import NET, SITE, Scene, play
from tests.fakes.box import Box


def test_a_malformed_attribute_costs_its_prefixes_and_not_the_session(box: Box, folder: Path) -> None:
    """RFC 7606, section 7.1: an ORIGIN of another length is treated as a withdrawal."""

    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        end = at.ends["vpc-1"]
        end.offer([NET, "10.2.0.0/16"])
        await until(lambda: len(at.routes()) == 2)
        told = (
            attribute(1, b"\\0\\0")
            + attribute(2, bytes((2, 1, 0, 0, 0xFC, 0)))
            + attribute(3, bytes((169, 254, 23, 5)))
        )
        end.say(UPDATE, bytes((0, 0)) + len(told).to_bytes(2, "big") + told + bytes((16, 10, 1)))
        await until(lambda: at.routes() == {"10.2.0.0/16": {"vpc-1"}})
        assert end.up

    play(box, folder, scene)


def test_a_gateway_with_another_number_is_refused_and_named(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        at.ends["vpc-1"].asn = 64999
        await at.want()
        await until(lambda: any(line == "vpc-1: BGP with 169.254.23.5: it is AS 64999, not 64512" for line in at.said))
        await until(lambda: at.ends["vpc-2"].up)
        [one] = [one for one in await at.systems.exabgp.sessions() if str(one.address) == "169.254.23.5"]
        assert (one.up, one.heard_asn) == (False, 64999)

    play(box, folder, scene)


def test_an_old_speaker_without_four_octet_numbers_is_understood(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        at.ends["vpc-1"].four_octets = False
        await at.want()
        await at.both_up()
        at.ends["vpc-1"].offer([NET], [23456], extra=attribute(17, bytes((2, 2)) + (64512).to_bytes(4, "big")
                               + (65550).to_bytes(4, "big"), flags=0xC0))  # fmt: skip
        await until(lambda: at.routes() == {NET: {"vpc-1"}})
        [path] = await at.systems.exabgp.accepted()
        assert path.as_path == (64512, 65550)

    said = play(box, folder, scene)
    assert "vpc-1: BGP with 169.254.23.5: it is of the time before AS numbers beyond 65535 (RFC 6793)" in said


def test_a_gateway_of_another_as_with_our_own_identifier_is_taken_and_named(box: Box, folder: Path) -> None:
    """RFC 6286, section 2.1."""

    async def scene(at: Scene) -> None:
        at.ends["vpc-1"].router_id = "172.16.20.1"
        await at.want()
        await at.both_up()
        for end in at.ends.values():
            end.offer([NET])
        await until(lambda: at.routes() == {NET: {"vpc-1", "vpc-2"}})

    said = play(box, folder, scene)
    sentence = "it has our own identifier, 172.16.20.1, which only another AS may (RFC 6286)"
    assert [line for line in said if "identifier" in line] == [f"vpc-1: BGP with 169.254.23.5: {sentence}"]


def test_ten_times_the_maximum_is_taken_and_said(box: Box, folder: Path) -> None:
    """What the intent's ``action: warn`` promises: a session that is cut for it would take both paths down at once."""
    text = SITE.replace("    speaker: exabgp\n", "    speaker: exabgp\n    accept: {max-prefixes: {limit: 1000}}\n")

    async def scene(at: Scene) -> None:
        await at.want(text=text)
        await at.both_up()
        many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(10_000)]
        for start in range(0, 10_000, 200):
            at.ends["vpc-1"].offer(many[start : start + 200])
        await until(lambda: len(at.listening.rib.choices) == 10_000)
        await until(lambda: ip("route show proto 174").count("\n") == 10_000)
        for start in range(0, 10_000, 800):
            at.ends["vpc-1"].take_back(many[start : start + 800])
        await until(lambda: at.routes() == {})
        assert at.ends["vpc-1"].sessions == 1

    said = play(box, folder, scene)
    assert [line for line in said if "maximum" in line] == [
        "vpc-1: 169.254.23.5 sent 800 prefixes, 80% of its maximum of 1000",
        "vpc-1: 169.254.23.5 sent 1200 prefixes, more than its maximum of 1000",
    ]


def test_a_storm_of_notifications_ends_nothing_but_its_own_session(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        at.ends["vpc-2"].offer([NET])
        for life in range(1, 4):
            await until(lambda life=life: at.ends["vpc-1"].sessions >= life and at.ends["vpc-1"].up)
            at.ends["vpc-1"].notify(6, 8)
        await until(lambda: at.routes() == {NET: {"vpc-2"}})
        assert at.ends["vpc-2"].sessions == 1

    said = play(box, folder, scene)
    assert "vpc-1: BGP with 169.254.23.5: Cease/Out of Resources (received)" in said


def test_a_flood_of_updates_does_not_stop_the_loop(box: Box, folder: Path) -> None:
    """While thousands of changes are taken in, others get their turn after a few hundredths of a second of our own
    work: how much a busy machine gives us meanwhile is not counted."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            before = thread_time()
            await asyncio.sleep(0.01)  # what is measured: how much of our work comes before a turn that is due
            late.append(thread_time() - before)

    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        end, watcher = at.ends["vpc-1"], asyncio.create_task(watch())
        nets = [f"10.{number}.0.0/16" for number in range(200)]
        for med in range(20):
            end.offer(nets, med=med)
            end.take_back(nets[med::20])
        await until(lambda: len(at.routes()) == 190)
        watcher.cancel()

    play(box, folder, scene)
    assert sorted(late)[int(len(late) * 0.9)] < 0.5


def test_a_line_that_is_cut_and_one_that_nobody_knows_cost_nothing_but_a_sentence(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        at.ends["vpc-1"].offer([NET])
        await until(lambda: at.routes() == {NET: {"vpc-1"}})
        await at.listening.hear(b'{ "exabgp": "5.0.0", "type": "upd')
        await at.listening.hear(b'{ "type": "gossip", "neighbor": {"address": {"peer": "169.254.23.5"}} }')
        await at.listening.settle()
        assert at.routes() == {NET: {"vpc-1"}}

    said = play(box, folder, scene)
    assert sum("cannot be read" in line for line in said) == 1
    assert "ExaBGP said something of a kind that is not known: 'gossip'" in said
