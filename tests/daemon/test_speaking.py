"""The real ExaBGP kept by the daemon, on the real kernel of a namespace: sessions, routes, the death of any part."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Awaitable
from importlib.machinery import SourceFileLoader
from ipaddress import ip_address
from pathlib import Path

import pytest

from appliance.announce import process
from appliance.announce.process import speaker_command
from appliance.announce.render import BRIDGE
from appliance.daemon import listening, speaking
from appliance.daemon.handing import hand_over
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.peering import router_configs, speaker_configs
from appliance.design.wish import Wish
from appliance.model.change import Change
from appliance.model.peering import CLOSED, SHUT
from appliance.model.resources import ExabgpConfig
from tests.announce.far import NOTIFICATION, OPEN, capabilities, until
from tests.contracts.namespace import ip
from tests.daemon.embedded import ENDS, NET, SITE, Scene, play
from tests.fakes.box import Box

LAUNCHER = Path(__file__).resolve().parents[2] / "exabgp" / "launch"


def test_it_learns_announces_balances_and_ends_with_its_intent(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        await at.both_offer(NET, "10.2.0.0/16")
        await until(lambda: all(bytes((24, 172, 16, 20)) in end.updates()[0] for end in at.ends.values()))
        sessions = await at.systems.exabgp.sessions()
        assert [(one.state, one.received, one.accepted, one.advertised) for one in sessions] == [
            ("established", 2, 2, 1)
        ] * 2
        assert {str(path.prefix) for path in await at.systems.exabgp.accepted() if path.selected} == {
            NET,
            "10.2.0.0/16",
        }
        assert (os.stat(f"/proc/{at.process}").st_uid == 0) == (process.unprivileged_user() is None)
        at.ends["vpc-1"].take_back([NET])
        await until(lambda: at.routes()[NET] == {"vpc-2"})
        await at.want(text=None)
        await until(lambda: at.routes() == {})
        await until(lambda: not any(end.up for end in at.ends.values()))
        assert [end.heard[-1] for end in at.ends.values()] == [(NOTIFICATION, bytes((6, 3)))] * 2, "no goodbye"

    play(box, folder, scene, everywhere=True)


def test_a_gateway_that_goes_silent_is_one_replaced_group_and_one_that_comes_back_is_learned_again(
    box: Box, folder: Path
) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        many = [f"10.{number}.0.0/16" for number in range(50)]
        for end in at.ends.values():
            end.offer(many)
            end.end_of_rib()
        await until(lambda: at.routes() == {key: {"vpc-1", "vpc-2"} for key in many})
        group = ip("-j -d route show proto 174").count('"nhid"')
        at.ends["vpc-1"].notify(6, 4)
        await until(lambda: set(map(frozenset, at.routes().values())) == {frozenset({"vpc-2"})})
        assert (len(at.routes()), ip("-j -d route show proto 174").count('"nhid"')) == (50, group)
        await until(lambda: at.ends["vpc-1"].up and at.ends["vpc-1"].sessions == 2)
        at.ends["vpc-1"].offer(many)
        await until(lambda: at.routes() == {key: {"vpc-1", "vpc-2"} for key in many})

    said = play(box, folder, scene)
    assert "vpc-1: BGP with 169.254.23.5: Cease/Administrative Reset (received)" in said


def test_what_is_told_may_change_while_the_sessions_stand(box: Box, folder: Path) -> None:
    """A default route is announced, and taken back."""

    async def scene(at: Scene) -> None:
        def hear(*wanted: str) -> Awaitable[None]:
            return until(lambda: all(end.told() == set(wanted) for end in at.ends.values()), str(wanted))

        await at.want()
        await at.both_up()
        await hear("172.16.20.0/24")
        await at.want(text=OUTWARD)
        await hear("172.16.20.0/24", "0.0.0.0/0")
        assert at.routes() == {}
        await at.want()
        await hear("172.16.20.0/24")
        assert [end.sessions for end in at.ends.values()] == [1, 1]

    play(box, folder, scene)


OUTWARD = SITE.replace("    speaker: exabgp\n", "    speaker: exabgp\n    announce: {default-route: true}\n")


def test_it_offers_what_it_can_and_nothing_else(box: Box, folder: Path) -> None:
    """IPv4 unicast alone (RFC 4760), and what is told of: route refresh (RFC 2918, 7313), messages beyond 4096 bytes
    (RFC 8654), graceful restart (RFC 4724), AS numbers beyond 65535 (RFC 6793)."""

    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        for end in at.ends.values():
            [said] = [body for kind, body in end.heard if kind == OPEN]
            offered = capabilities(said)
            assert offered.pop(70, b"") == b"", "enhanced route refresh (RFC 7313)"
            assert offered.pop(64)[2:] == bytes((0, 1, 1, 0x80)), "IPv4 unicast, whose forwarding state was kept"
            assert offered == {1: bytes((0, 1, 0, 1)), 2: b"", 6: b"", 65: (65010).to_bytes(4, "big")}

    play(box, folder, scene)


def test_whoever_is_there_hears_of_every_change_while_another_is_gone(box: Box, folder: Path) -> None:
    """What the one that is gone was not told yet hinders nobody, and he is told in the end."""
    lan, all_of_it = {"172.16.20.0/24"}, {"172.16.20.0/24", "0.0.0.0/0"}

    async def scene(at: Scene) -> None:
        here, gone = at.ends["vpc-1"], at.ends["vpc-2"]
        await gone.stop()
        await at.want()
        await until(lambda: here.told() == lan)
        for text, wanted in ((OUTWARD, all_of_it), (SITE, lan), (OUTWARD, all_of_it)):
            await at.want(text=text)
            at.keeper.bell.ring()
            await until(lambda wanted=wanted: here.told() == wanted, str(wanted))
        await gone.start()
        await until(lambda: gone.up and gone.told() == all_of_it)
        assert (here.sessions, here.told()) == (1, all_of_it)

    play(box, folder, scene)


def test_of_many_changes_in_a_row_the_last_one_holds(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        for number in range(7):
            answers = at.listening.answers
            await at.want(text=SITE if number % 2 else OUTWARD)
            at.keeper.bell.ring()
            if number % 3:
                await until(lambda answers=answers: at.listening.answers > answers)
        await until(lambda: all(end.told() == {"172.16.20.0/24", "0.0.0.0/0"} for end in at.ends.values()))
        assert [end.sessions for end in at.ends.values()] == [1, 1]

    play(box, folder, scene)


def test_a_verdict_closes_a_path_without_touching_its_session(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        for end in at.ends.values():
            end.offer([NET])
        await until(lambda: at.routes() == {NET: {"vpc-1", "vpc-2"}})
        await at.want({"vpc-1": CLOSED})
        assert at.routes() == {NET: {"vpc-2"}}
        community = bytes((0xC0, 8, 4, 0xFF, 0xFF, 0, 0))  # graceful shutdown, RFC 8326
        await until(lambda: any(community in body for body in at.ends["vpc-1"].updates()))
        await at.want()
        assert at.routes() == {NET: {"vpc-1", "vpc-2"}}
        assert [end.sessions for end in at.ends.values()] == [1, 1]
        assert not any(community in body for body in at.ends["vpc-2"].updates())

    play(box, folder, scene)


def test_a_session_that_was_silent_for_long_is_ended_and_begun_again(box: Box, folder: Path) -> None:
    """Also where that is taken back before ExaBGP has read it: then nothing happened."""

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        await at.want()
        await at.both_up()
        await at.both_offer(NET, "10.2.0.0/16")
        both = {"vpc-1", "vpc-2"}
        await at.want({"vpc-1": SHUT})
        await until(lambda: not end.up and end.heard[-1] == (NOTIFICATION, bytes((6, 3))))
        await until(lambda: at.listening.sessions.up == {ip_address(ENDS["vpc-2"][1])})
        assert at.routes() == {NET: {"vpc-2"}, "10.2.0.0/16": {"vpc-2"}}
        assert at.listening.rib.counts(ip_address(ENDS["vpc-1"][1])) == (0, 0)
        await at.want({"vpc-1": CLOSED})
        await until(lambda: end.up and end.sessions == 2)
        end.offer([NET])
        await at.want()
        await until(lambda: at.routes() == {NET: both, "10.2.0.0/16": {"vpc-2"}})
        answers = at.listening.answers
        await at.want({"vpc-1": SHUT})
        await at.want()
        at.keeper.bell.ring()
        await until(lambda: at.listening.answers > answers)
        assert (end.sessions, at.routes()[NET], len(at.listening.sessions.up)) == (2, both, 2)

    play(box, folder, scene)


def lives(pid: int) -> bool:
    """Whether a process is there, and not only waits for its parent to take notice of its end (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_frrs_routes_stay_while_the_embedded_speaker_learns_them_and_the_other_way_round(
    box: Box, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frr = SITE.replace("speaker: exabgp", "speaker: frr")
    monkeypatch.setattr(listening, "HANDING", 5.0)

    async def scene(at: Scene) -> None:
        ip("nexthop add id 7 dev vpc-1 proto zebra")
        ip(f"route add {NET} nhid 7 proto bgp metric 20")
        wish = Wish(parse_loaded(SITE, "site.yaml").intent, read_templates())
        await hand_over(at.systems, wish, [Change(None, one) for one in speaker_configs(wish)])
        assert at.routes() == {NET: {"vpc-1"}}
        ip(f"route delete {NET} proto bgp")
        await at.want()
        await at.both_up()
        assert at.routes() == {NET: {"vpc-1"}}
        for end in at.ends.values():
            end.offer(["10.2.0.0/16"])
            end.end_of_rib()
        await until(lambda: at.routes() == {"10.2.0.0/16": {"vpc-1", "vpc-2"}})
        [standing] = await at.systems.exabgp.observe()
        theirs = Wish(parse_loaded(frr, "site.yaml").intent, read_templates())
        changes = [Change(standing, None), *(Change(None, one) for one in router_configs(theirs))]
        child = at.process
        await hand_over(at.systems, theirs, changes)
        assert not lives(child), "both speak at once"
        await at.want(text=frr)
        await until(lambda: not any(end.up for end in at.ends.values()))
        assert at.routes() == {"10.2.0.0/16": {"vpc-1", "vpc-2"}}
        assert not any(kind == NOTIFICATION for end in at.ends.values() for kind, _ in end.heard), "it said goodbye"
        await until(lambda: at.routes() == {})

    play(box, folder, scene)


def test_it_is_ready_before_sessions_are_taken_from_frr(box: Box, folder: Path) -> None:
    """Its start takes the longer the busier the machine is, and the far ends keep routes for a minute."""
    frr = SITE.replace("speaker: exabgp", "speaker: frr")

    async def scene(at: Scene) -> None:
        wish, before = (Wish(parse_loaded(text, "site.yaml").intent, read_templates()) for text in (SITE, frr))
        [wanted] = speaker_configs(wish)
        wanted = ExabgpConfig(wanted.text.replace(BRIDGE, str(at.folder / "bridge")))
        changes = [Change(None, wanted), *(Change(one, None) for one in router_configs(before))]
        await hand_over(at.systems, wish, changes)
        assert not any(end.sessions for end in at.ends.values()), "it called before FRR was told"
        ready = at.process
        await at.want()
        await at.both_up()
        assert at.process == ready

    play(box, folder, scene)


def test_who_is_to_be_left_was_left_when_the_change_is_through(box: Box, folder: Path) -> None:
    """What his session went over may go next: nothing of it may be under way then."""

    def speaks_to(name: str) -> bool:
        """Whether a connection stands, or is asked for (proc(5), /proc/net/tcp)."""
        near = bytes(reversed(ip_address(ENDS[name][0]).packed)).hex().upper()
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return any(row[1].startswith(near) and row[3] in ("01", "02") and row[2].endswith(":00B3") for row in rows)

    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        assert speaks_to("vpc-1")
        assert speaks_to("vpc-2")
        [standing] = await at.systems.exabgp.observe()
        one = ExabgpConfig(standing.text.partition("\nneighbor 169.254.23.5")[0])
        assert "neighbor 169.254.22.73" in one.text
        await at.systems.exabgp.apply([Change(standing, one)])
        assert not speaks_to("vpc-1")
        assert speaks_to("vpc-2")
        await at.systems.exabgp.apply([Change(one, None)])
        assert not speaks_to("vpc-2")

    play(box, folder, scene)


def test_after_a_long_outage_it_calls_again_soon(box: Box, folder: Path) -> None:
    """ExaBGP's own patience would have grown to more than ten seconds by then, and to a minute later."""
    spec = importlib.util.spec_from_loader("launch", SourceFileLoader("launch", str(LAUNCHER)))
    if speaker_command() is None or spec is None or spec.loader is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)
    waiting = launch.Delay()
    for _ in range(20):
        launch.increase(waiting)
    assert waiting._next == 10

    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        assert f"{folder}/exabgp" in Path(f"/proc/{at.process}/cmdline").read_text()

    play(box, folder, scene)


def test_a_change_while_it_starts_waits_until_it_can_take_it(box: Box, folder: Path) -> None:
    community = bytes((0xC0, 8, 4, 0xFF, 0xFF, 0, 0))  # graceful shutdown, RFC 8326

    async def scene(at: Scene) -> None:
        await at.want()
        await until(lambda: (at.folder / "exabgp.pid").exists())
        first = at.process
        await at.want({"vpc-1": CLOSED})
        at.keeper.bell.ring()
        await until(lambda: any(community in body for body in at.ends["vpc-1"].updates()))
        assert at.process == first
        assert [end.sessions for end in at.ends.values()] == [1, 1]

    said = play(box, folder, scene)
    assert not any("ended" in line for line in said), said


def test_one_that_does_not_answer_a_command_is_started_again(
    box: Box, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaking, "ANSWERS_WITHIN", 0.5)

    async def scene(at: Scene) -> None:
        await at.want()
        await until(lambda: len(at.listening.sessions.up) == 2)
        first = at.process
        os.kill(first, signal.SIGSTOP)
        await at.want({"vpc-1": CLOSED})
        await until(lambda: "ExaBGP does not answer; what it learned is kept while it is started again" in at.said)
        await until(lambda: all(end.sessions == 2 and end.up for end in at.ends.values()))
        assert at.process != first

    play(box, folder, scene)
