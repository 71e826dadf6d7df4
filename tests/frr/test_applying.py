"""How lines travel: which go together, what a refused section takes along, when sessions may start again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from appliance.frr.applying import AT_LEISURE, COPIED, MANY, carry_out, policy_delay
from appliance.frr.diff import Step
from appliance.frr.tree import parse_tree

ROUTER = ("router bgp 65000",)
FAMILY = (*ROUTER, "address-family ipv4 unicast")
DELAY, AFTER_A_FILE = 5, 1  # bgpd's seconds


class Bgpd:
    """Sections, files and the wait for changed policy, as bgpd has them (FRR 10.3). ``idle`` is for how many seconds
    it starts no session after all this, ``taken`` what it took and where, ``pieces`` how many lines came at a time."""

    def __init__(self, name: str = "bgpd", refuses: str = "nothing") -> None:
        self.name = name
        self.refuses = refuses
        self.taken: list[tuple[tuple[str, ...], str]] = []
        self.pieces: list[int] = []
        self.delay, self.idle = DELAY, 0
        self.files = 0
        self.place: tuple[str, ...] | None = None
        self._policy_waits = self._in_file = False

    def tell(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        self.pieces.append(len(commands))
        return [self._answer(command) for command in commands]

    def _answer(self, line: str) -> tuple[int, str]:
        if line == "end":
            assert not self._in_file, "bgpd waits ten minutes for the end of a file"
            self.place = None
        elif self.place is None:
            if line not in ("configure terminal", "configure terminal file-lock"):
                return 2, "% Unknown command"
            self.place = ()
        elif line == "exit":
            self.place = self.place[:-1]
        elif line == "XFRR_start_configuration":
            self._in_file, self.files = True, self.files + 1
        elif line == "XFRR_end_configuration":
            self._in_file = False
            self.idle = self.delay if self._policy_waits else AFTER_A_FILE
        elif line.startswith(self.refuses):
            return 13, "% Refused"
        else:
            self._take(line)
        return 0, ""

    def _take(self, line: str) -> None:
        assert self.place is not None
        if " route-map delay-timer" in line:
            self.delay = DELAY if line.startswith("no ") else int(line.split()[-1])
            self._policy_waits = self._policy_waits and self.delay > 0
        elif line.startswith(("router ", "address-family ", "route-map ")):
            self.place = (*self.place, line)
        else:
            self._policy_waits = self._policy_waits or "prefix-list" in line
            self.taken.append((self.place, line))


def lists(count: int, daemon: str = "bgpd") -> list[Step]:
    return [Step(daemon, (), f"ip prefix-list mine seq {n} permit 10.0.{n}.0/24") for n in range(1, count + 1)]


def sections() -> list[Step]:
    return [
        Step("bgpd", ROUTER, "neighbor 192.0.2.1 remote-as 64512"),
        Step("bgpd", FAMILY, "neighbor 192.0.2.1 activate"),
        Step("bgpd", ("route-map mine permit 10",), "set metric 0"),
    ]


def test_a_few_lines_hold_no_session_up() -> None:
    bgpd = Bgpd()
    assert carry_out({"bgpd": bgpd}, [*lists(MANY - 2), *sections()]) == []
    assert (bgpd.files, bgpd.idle, bgpd.place) == (0, 0, None)
    assert [(where, line) for where, line in bgpd.taken[-3:]] == [(step.where, step.line) for step in sections()]


@pytest.mark.parametrize(("standing", "files"), [(COPIED // 20, 0), (COPIED // 10, 1)])
def test_where_much_stands_a_few_lines_are_many(standing: int, files: int) -> None:
    bgpd = Bgpd()
    assert carry_out({"bgpd": bgpd}, lists(10), lines=lambda: standing) == []
    assert (bgpd.files, len(bgpd.taken)) == (files, 10)


@pytest.mark.parametrize(("line", "seconds"), [(AT_LEISURE, DELAY), ("bgp route-map delay-timer 7", 7)])
def test_many_go_as_a_file_and_sessions_wait_a_second_whatever_the_delay_of_policy(line: str, seconds: int) -> None:
    bgpd = Bgpd()
    assert carry_out({"bgpd": bgpd}, [*lists(MANY), *sections()], delay=line) == []
    assert (bgpd.files, bgpd.idle, bgpd.delay, bgpd.place) == (1, AFTER_A_FILE, seconds, None)


def test_a_second_attempt_looks_at_each_of_many_lines() -> None:
    bgpd = Bgpd(refuses="ip prefix-list mine seq 7 ")
    [(step, why)] = carry_out({"bgpd": bgpd}, lists(MANY), singly=True)
    assert (step.line.split()[4], why, bgpd.files) == ("7", "Refused", 0)
    assert len(bgpd.taken) == MANY - 1


@pytest.mark.parametrize("count", [1, MANY])
def test_a_section_that_is_refused_takes_only_its_own_lines_along(count: int) -> None:
    bgpd = Bgpd(refuses="router ")
    refused = carry_out({"bgpd": bgpd}, [*lists(count), *sections()])
    assert {step.line for step, _ in refused} == {step.line for step in sections()[:2]}
    assert {why for _, why in refused} == {"'router bgp 65000': Refused"}
    assert bgpd.taken[-1] == (("route-map mine permit 10",), "set metric 0")
    assert len(bgpd.taken) == count + 1


def test_mgmtd_is_told_one_line_at_a_time() -> None:
    mgmtd = Bgpd("mgmtd")
    assert carry_out({"mgmtd": mgmtd}, lists(MANY, "mgmtd")) == []
    assert set(mgmtd.pieces) == {1}
    assert (mgmtd.files, len(mgmtd.taken)) == (0, MANY)


def test_the_delay_of_policy_is_the_operators_where_there_is_one() -> None:
    assert policy_delay(parse_tree("bgp route-map delay-timer 7\nrouter bgp 65000\nexit\n")) == (
        "bgp route-map delay-timer 7"
    )
    assert policy_delay({}) == AT_LEISURE
