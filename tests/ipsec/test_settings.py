"""What is said about the charon we find running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.ipsec.charon import Charon
from appliance.ipsec.settings import judge_settings, lacking_plugins, parse_settings, seconds_to_notice

OURS = Path(__file__).resolve().parents[2] / "images" / "strongswan.conf"

DEBIAN = """\
# strongswan.conf - strongSwan configuration file
charon {
\tload_modular = yes
\tplugins {
\t\tinclude strongswan.d/charon/*.conf
\t}
}
include strongswan.d/*.conf
"""
FILES = {
    "strongswan.d/charon/*.conf": [
        "kernel-netlink {\n  load = yes # all of it\n  fwmark = !0x42\n}",
        "vici { load = yes }",
    ],
    "strongswan.d/*.conf": [
        'charon-logging { }\ncharon {\n filelog { a { path = "/var/log/a b.log" } }\n threads = 8\n}'
    ],
}


def read(pattern: str) -> list[str]:
    return FILES[pattern]


def nothing(_pattern: str) -> list[str]:
    return []


def test_a_file_with_its_includes_is_read() -> None:
    assert parse_settings(DEBIAN, read) == {
        "charon.load_modular": "yes",
        "charon.plugins.kernel-netlink.load": "yes",
        "charon.plugins.kernel-netlink.fwmark": "!0x42",
        "charon.plugins.vici.load": "yes",
        "charon.filelog.a.path": "/var/log/a b.log",
        "charon.threads": "8",
    }


def test_our_own_settings_are_above_reproach() -> None:
    settings = parse_settings(OURS.read_text(), nothing)
    assert settings["charon.install_routes"] == "no"
    assert judge_settings(settings) == ()
    assert not lacking_plugins(settings["charon.load"].split())


def test_our_own_settings_keep_what_their_comments_promise() -> None:
    settings = parse_settings(OURS.read_text(), nothing)
    assert 20 < seconds_to_notice(settings) < 22
    assert float(settings["charon.retransmit_limit"]) == 30
    assert 0 < float(settings["charon.retransmit_jitter"]) < 100
    logged = {key.removeprefix("charon.filelog.stderr."): value for key, value in settings.items() if "filelog" in key}
    levels = [value for key, value in logged.items() if key in ("default", "enc", "net", "knl")]
    assert len(levels) == 4
    assert all(int(level) < 4 for level in levels), "secrets are logged at level 4"
    assert not {"updown", "bypass-lan", "resolve", "attr", "kernel-libipsec"} & set(settings["charon.load"].split())


def test_debians_settings_notice_a_dead_peer_late() -> None:
    (notice,) = judge_settings(parse_settings(DEBIAN, read))
    assert "165 s" in notice.message


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("port = 0", "UDP 500"),
        ("port_nat_t = 4501", "UDP 4500"),
        ("interfaces_use = eth1", "eth1"),
        ("plugins { kernel-netlink { install_routes_xfrmi = yes } }", "install_routes_xfrmi"),
        ("retransmit_tries = 99", "dead peer"),
    ],
)
def test_what_works_against_our_tunnels_is_named(line: str, word: str) -> None:
    text = f"{OURS.read_text()}\ncharon {{\n{line}\n}}\n"
    (notice,) = judge_settings(parse_settings(text, nothing))
    assert word in notice.message


STRANGE = ["", "}", "charon {", "= = =", "charon { retransmit_tries = many }", "\x00", "a : b { c = d }", "include me"]


@pytest.mark.parametrize("text", STRANGE)
def test_no_text_is_too_strange(text: str) -> None:
    """The last one includes itself."""
    judge_settings(parse_settings(text, lambda _: [text]))


def test_a_charon_without_a_plugin_is_told_so() -> None:
    (lack,) = lacking_plugins(["random", "nonce", "openssl", "socket-default", "vici"])
    assert lack.exit == 6
    assert "kernel-netlink" in lack.message
    assert "strongswan.conf" in str(lack.hint)


def test_the_door_reads_the_file_and_its_includes(tmp_path: Path) -> None:
    (tmp_path / "strongswan.d").mkdir()
    (tmp_path / "strongswan.conf").write_text("include strongswan.d/*.conf\n")
    (tmp_path / "strongswan.d" / "slow.conf").write_text("charon { port = 0 }\n")
    door = Charon(settings=tmp_path / "strongswan.conf")
    assert any("UDP 500" in notice.message for notice in asyncio.run(door.remarks()))
