"""The real ExaBGP kept by the daemon, on the real kernel of a namespace: sessions, routes, the death of any part."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.machinery import SourceFileLoader
from ipaddress import ip_address
from pathlib import Path
from time import thread_time

import pytest

from appliance.announce import process
from appliance.announce.exabgp_api import Exabgp
from appliance.announce.process import speaker_command
from appliance.announce.render import BRIDGE
from appliance.daemon import listening, speaking
from appliance.daemon.handing import hand_over
from appliance.daemon.listening import Listening
from appliance.daemon.passes import parse_loaded
from appliance.daemon.speaking import Keeper
from appliance.daemon.wiring import Systems, read_templates
from appliance.design.peering import router_configs, speaker_configs
from appliance.design.wish import Wish
from appliance.kernel.netlink import Kernel
from appliance.model.change import Change
from appliance.model.peering import CLOSED, SHUT, Stances
from appliance.model.resources import ExabgpConfig
from tests.announce.far import NOTIFICATION, REFRESH, UPDATE, FarEnd, attribute, until
from tests.contracts.namespace import ip, own_namespace
from tests.daemon.sites import HEAD, VPC_1, VPC_2, connection
from tests.fakes.box import Box
from tests.frr.rig import need_quick_machine

SITE = HEAD + connection("vpc", [VPC_1, VPC_2], "    speaker: exabgp\n")
ENDS = {"vpc-1": ("169.254.23.6", "169.254.23.5"), "vpc-2": ("169.254.22.74", "169.254.22.73")}
NET = "10.1.0.0/16"
LAUNCHER = Path(__file__).resolve().parents[2] / "exabgp" / "launch"


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this Python lies in root's own folders, nobody else can run ExaBGP with it."""
    if not all(folder.stat().st_mode & 1 for folder in Path(sys.executable).resolve().parents):
        monkeypatch.setattr(process, "unprivileged_user", lambda: None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Readable by whoever runs ExaBGP."""
    made = Path(tempfile.mkdtemp(prefix="speaker-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@dataclass
class Scene:
    """A daemon's speaker and two gateways. ``said`` is its log."""

    systems: Systems
    listening: Listening
    keeper: Keeper
    ends: Mapping[str, FarEnd]
    said: list[str]

    async def want(self, stances: Stances | None = None, text: str | None = SITE) -> None:
        """This is the intent now."""
        intent = parse_loaded(text or HEAD.replace("connections:\n", ""), "site.yaml").intent
        wish = Wish(intent, read_templates(), stances=stances or {})
        found = await self.systems.exabgp.observe()
        wanted = {ExabgpConfig(one.text.replace(BRIDGE, str(self.folder / "bridge"))) for one in speaker_configs(wish)}
        if found != wanted:
            change = Change(next(iter(found), None), next(iter(wanted), None))
            [outcome] = await self.systems.exabgp.apply([change])
            assert outcome.error is None
        await self.listening.follow(wish)

    @property
    def folder(self) -> Path:
        return self.systems.exabgp.folder

    @property
    def process(self) -> int:
        """ExaBGP's number."""
        return int((self.folder / "exabgp.pid").read_text().split()[0])

    def routes(self) -> dict[str, set[str]]:
        """Where prefixes go, by iproute2; nowhere, where the group went between two looks."""
        routes, objects = json.loads(ip("-j route show proto 174")), json.loads(ip("-j nexthop show"))
        devices = {one["id"]: one.get("dev") for one in objects}
        members = {one["id"]: {devices[member["id"]] for member in one.get("group", ())} for one in objects}
        return {route["dst"]: members.get(route["nhid"], set()) for route in routes}

    async def both_up(self) -> None:
        await until(lambda: all(end.up for end in self.ends.values()))


def play(
    box: Box,
    folder: Path,
    scene: Callable[[Scene], Awaitable[None]],
    *,
    times: int = 1,
    elsewhere: str | None = None,
    everywhere: bool = False,
) -> list[str]:
    """Run it in a namespace of its own; ``times`` daemons one after the other. What they said. ``elsewhere`` names a
    namespace that holds the far ends, where others speak for them. Only with ``everywhere`` is it
    run on an emulated processor too."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace and port 179 take root")
    if speaker_command() is None:
        pytest.skip("ExaBGP is not installed: the extra 'speaker'")
    if not everywhere:
        need_quick_machine()
    said: list[str] = []

    async def both() -> None:
        ends = {name: FarEnd(far, router_id=f"198.51.100.{n}") for n, (name, (_, far)) in enumerate(ENDS.items(), 1)}
        for end in ends.values() if elsewhere is None else ():
            await end.start()
        for _ in range(times):
            await daemon(ends)
        for end in ends.values() if elsewhere is None else ():
            await end.stop()

    async def daemon(ends: Mapping[str, FarEnd]) -> None:
        systems = replace(box.systems, kernel=Kernel(), exabgp=Exabgp(folder, folder / "speaker.sock"))
        heard = Listening(systems, said.append)
        keeper, stop = Keeper(systems, heard, said.append), asyncio.Event()
        running = asyncio.create_task(keeper.keep(stop))
        try:
            await scene(Scene(systems, heard, keeper, ends, said))
        finally:
            stop.set()
            keeper.bell.ring()
            await running

    with own_namespace():
        for name, (near, far) in ENDS.items():
            ip(f"link add {name} type veth peer name far-{name}")
            if elsewhere is not None:
                ip(f"link set far-{name} netns {elsewhere}")
            there = "" if elsewhere is None else f"-n {elsewhere} "
            for where, link, address in (("", name, near), (there, f"far-{name}", far)):
                ip(f"{where}address add {address}/30 dev {link}")
                ip(f"{where}link set {link} up")
        asyncio.run(both())
    return said


def test_it_learns_announces_balances_and_ends_with_its_intent(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        for end in at.ends.values():
            end.offer([NET, "10.2.0.0/16"])
            end.end_of_rib()
        await until(lambda: at.routes() == {key: {"vpc-1", "vpc-2"} for key in (NET, "10.2.0.0/16")})
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
        for one in at.ends.values():
            one.offer([NET, "10.2.0.0/16"])
            one.end_of_rib()
        both = {"vpc-1", "vpc-2"}
        await until(lambda: at.routes() == {NET: both, "10.2.0.0/16": both})
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


@pytest.mark.parametrize("who", ["exabgp", "bridge"])
def test_routes_outlive_the_speaker_and_what_is_not_said_again_goes(box: Box, folder: Path, who: str) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        for end in at.ends.values():
            end.offer([NET, "10.2.0.0/16"])
            end.end_of_rib()
        both = {"vpc-1", "vpc-2"}
        await until(lambda: at.routes() == {NET: both, "10.2.0.0/16": both})
        first = at.process
        victim = first if who == "exabgp" else int(Path(f"/proc/{first}/task/{first}/children").read_text().split()[0])
        os.kill(victim, signal.SIGKILL)
        await until(lambda: not any(end.up for end in at.ends.values()))
        assert at.routes() == {NET: both, "10.2.0.0/16": both}
        await at.both_up()
        assert at.process != first
        at.ends["vpc-1"].offer([NET])
        at.ends["vpc-1"].end_of_rib()
        await until(lambda: at.routes() == {NET: both, "10.2.0.0/16": {"vpc-2"}})
        at.ends["vpc-2"].offer([NET])
        at.ends["vpc-2"].end_of_rib()
        await until(lambda: at.routes() == {NET: both})

    play(box, folder, scene)


def test_routes_outlive_the_daemon_and_are_taken_over(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        life = at.ends["vpc-1"].sessions + 1
        before = at.routes()
        await at.want()
        assert at.routes() == before
        await until(lambda: all(end.up and end.sessions == life for end in at.ends.values()))
        for end in at.ends.values():
            end.offer([NET] if before else [NET, "10.2.0.0/16"])
            end.end_of_rib()
        expected = [NET] if before else [NET, "10.2.0.0/16"]
        await until(lambda: at.routes() == {key: {"vpc-1", "vpc-2"} for key in expected})

    play(box, folder, scene, times=2)


def test_what_a_stranger_takes_from_the_kernel_comes_back(box: Box, folder: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.want()
        await at.both_up()
        at.ends["vpc-1"].offer([NET, "10.2.0.0/16"])
        await until(lambda: len(at.routes()) == 2)
        ip("route delete 10.2.0.0/16 proto 174")
        ip("nexthop flush proto 174")
        assert at.routes() == {}
        await at.want()
        assert at.routes() == {NET: {"vpc-1"}, "10.2.0.0/16": {"vpc-1"}}

    play(box, folder, scene)


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


def test_a_gateway_that_restarts_gracefully_keeps_its_routes_and_one_that_says_goodbye_does_not(
    box: Box, folder: Path
) -> None:
    """RFC 4724, section 4.2: a connection that is lost without a NOTIFICATION."""

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        end.restart = 60
        await at.want()
        await until(lambda: end.up)
        end.offer([NET, "10.2.0.0/16"])
        end.end_of_rib()
        await until(lambda: len(at.routes()) == 2)
        end.cut()
        await until(lambda: any("is lost" in line for line in at.said))
        assert len(at.routes()) == 2
        await until(lambda: end.sessions == 2 and end.up)
        end.offer([NET])
        end.end_of_rib()
        await until(lambda: at.routes() == {NET: {"vpc-1"}})
        end.notify(6, 2)
        await until(lambda: at.routes() == {})

    play(box, folder, scene)


def test_a_gateway_that_asks_for_it_is_told_all_again(box: Box, folder: Path) -> None:
    """RFC 2918: IPv4 unicast once more, over the same session."""
    lan = bytes((24, 172, 16, 20))

    async def scene(at: Scene) -> None:
        end = at.ends["vpc-1"]
        await at.want()
        await until(lambda: sum(lan in body for body in end.updates()) == 1)
        end.say(REFRESH, bytes((0, 1, 0, 1)))
        await until(lambda: sum(lan in body for body in end.updates()) == 2)
        assert end.sessions == 1

    play(box, folder, scene)


def test_a_flood_of_updates_does_not_stop_the_loop(box: Box, folder: Path) -> None:
    """While thousands of changes are taken in, others get their turn after a few hundredths of a second of our own
    work: how much a busy machine gives us meanwhile is not counted."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            before = thread_time()
            await asyncio.sleep(0.01)
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
        await hand_over(at.systems, theirs, changes)
        await at.want(text=frr)
        await until(lambda: not any(end.up for end in at.ends.values()))
        assert at.routes() == {"10.2.0.0/16": {"vpc-1", "vpc-2"}}
        assert not any(kind == NOTIFICATION for end in at.ends.values() for kind, _ in end.heard), "it said goodbye"
        await until(lambda: at.routes() == {})

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
