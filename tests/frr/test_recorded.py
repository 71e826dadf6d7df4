"""What real FRRs said in every failure that the diagnosis knows (tests/frr/record.py), and what we make of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from appliance.diagnose.bgp import judge_session
from appliance.frr.asking import read_filtered, read_paths, read_sessions
from appliance.frr.status import parse_heard_asn
from appliance.model.session import BgpSession, FilteredPath, Notification
from tests.frr.routers import FIRST

RECORDED = Path(__file__).parent / "recorded"


class Transcript:
    """A bgpd that says what one once said."""

    name = "bgpd"

    def __init__(self, case: str) -> None:
        self._said = json.loads((RECORDED / f"{case}.json").read_text())

    def tell(self, commands: Sequence[str]) -> list[tuple[int, str]]:
        return [(status, text) for status, text in (self._said[command] for command in commands)]


def session_of(case: str) -> BgpSession:
    [session] = read_sessions(Transcript(case))
    return session


def kept_out_of(case: str, session: BgpSession) -> tuple[FilteredPath, ...]:
    return read_filtered(Transcript(case), session.address) if session.received > session.accepted else ()


FINDINGS = {
    "peer-shutdown": ("bgp", "peer-shutdown", "169.254.23.5 is shut down by its operator: "
                      "Cease/Administrative Shutdown: closed for work"),
    "peer-deconfigured": ("bgp", "peer-deconfigured", "169.254.23.5 does not have us as a peer any more: "
                          "Cease/Peer De-configured"),
    "refused": ("bgp", "no-tcp", "169.254.23.5 takes no call on TCP port 179 any more (Peer closed the session)"),
    "silent": ("bgp", "no-tcp", "169.254.23.5 does not answer on TCP port 179"),
    "wrong-peer-asn": ("bgp", "wrong-peer-asn", "169.254.23.5 is AS 64999, but peer-asn says 64512"),
    "wrong-own-asn": ("bgp", "wrong-own-asn",
                      "169.254.23.5 does not know us as AS 65000 (OPEN refused: Bad Peer AS)"),
    "hold-timer": ("bgp", "hold-timer",
                   "the session with 169.254.23.5 ended because we heard nothing from it for 3 s"),
    "link-down": ("bgp", "no-route",
                  "there is no route to 169.254.23.5: the tunnel's interface is down or lacks its address"),
    "no-prefix": ("routes", "no-prefix", "the session with 169.254.23.5 is up, but it announces no prefix"),
    "all-filtered": ("routes", "all-filtered", "all 3 prefixes from 169.254.23.5 are kept out by our policy: "
                     "0.0.0.0/0 by «deny any»; 10.9.9.9/32 by «deny any»; "
                     "172.16.20.128/25 by «deny 172.16.20.0/24 le 32»"),
}  # fmt: skip


def test_every_recording_has_its_finding() -> None:
    assert {path.stem for path in RECORDED.glob("*.json")} == {*FINDINGS, "up"}


@pytest.mark.parametrize("case", FINDINGS)
def test_the_reason_is_read_from_what_frr_said(case: str) -> None:
    session = session_of(case)
    finding = judge_session(FIRST, [session], kept_out_of(case, session))
    assert finding is not None
    assert (finding.layer, finding.code, finding.message) == FINDINGS[case]
    assert (finding.where, bool(finding.remedy)) == ("vpc-1", True)


def test_a_session_that_works_is_no_finding() -> None:
    session = session_of("up")
    assert judge_session(FIRST, [session]) is None
    assert (session.state, session.received, session.accepted, session.advertised) == ("established", 2, 2, 1)
    assert (session.peer_asn, session.our_asn, session.hold, session.last_error) == (64512, 65000, 3, None)
    assert session.since is not None
    assert session.since.tzinfo is not None


def test_paths_carry_their_med_and_whether_they_are_used() -> None:
    paths = read_paths(Transcript("up"))
    assert [(str(path.prefix), path.med, path.as_path, path.selected) for path in paths] == [
        ("10.0.0.0/16", 100, (64512,), True),
        ("10.1.0.0/16", 100, (64512,), True),
    ]
    assert {path.neighbor for path in paths} == {ip_address("169.254.23.5")}


def test_nothing_of_a_session_that_is_down_is_counted() -> None:
    for case in ("hold-timer", "peer-shutdown", "link-down"):
        session = session_of(case)
        assert (session.received, session.accepted, session.advertised, session.since) == (0, 0, 0, None), case


def test_a_collision_does_not_hide_the_reason_seen_before_it() -> None:
    refused = session_of("wrong-own-asn")
    collided = replace(
        refused,
        last_error="Cease/Connection Collision Resolution (sent)",
        notification=Notification(True, 6, 7, "Cease/Connection Collision Resolution"),
    )
    finding = judge_session(FIRST, [refused, collided, collided])
    assert finding is not None
    assert finding.code == "wrong-own-asn"


def test_what_was_before_the_session_last_came_up_is_no_reason() -> None:
    finding = judge_session(FIRST, [session_of("wrong-own-asn"), session_of("up"), session_of("silent")])
    assert finding is not None
    assert finding.code == "no-tcp"


def test_a_session_that_frr_does_not_know_is_said_to_be_missing() -> None:
    finding = judge_session(FIRST, [])
    assert finding is not None
    assert finding.code == "not-configured"


@pytest.mark.parametrize(
    ("kept_out", "setting"),
    [
        (("0.0.0.0/0", "deny any"), "default-route"),
        (("172.16.20.0/24", "deny 172.16.20.0/24 le 32"), "its own networks"),
        (("10.9.9.9/32", "deny any"), "max-length"),
    ],
)
def test_the_remedy_names_the_setting(kept_out: tuple[str, str], setting: str) -> None:
    session = replace(session_of("all-filtered"), received=1)
    path = FilteredPath(ip_network(kept_out[0]), session.address, kept_out[1])
    finding = judge_session(FIRST, [session], [path])
    assert finding is not None
    assert setting in finding.remedy


OPEN_4_OCTET = """  Message received that caused BGP to send a NOTIFICATION:
    FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF
    002D0104 5BA0001E C0000201 10020641
    04000100 0F020601 04000100 01
"""


@pytest.mark.parametrize(
    ("text", "asn"),
    [
        (OPEN_4_OCTET, 65551),
        (OPEN_4_OCTET.replace("0641\n    04000100 0F", "0680\n    04000100 0F"), 0x5BA0),
        ("  Last reset never\n", None),
        (OPEN_4_OCTET.replace("002D0104", "002D0304"), None),
        (OPEN_4_OCTET.split("\n    002D")[0] + "\n", None),
    ],
    ids=["capability", "header", "no message", "not an OPEN", "cut short"],
)
def test_the_number_is_read_from_the_open_that_was_refused(text: str, asn: int | None) -> None:
    assert parse_heard_asn(text) == asn
