"""A swanctl.conf as the strongSwan guide prints it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from appliance.model.document import ImportReport, ReadDpd
from appliance.model.secret import Secret
from appliance.vendors import read_documents
from appliance.vendors.report import report_as_data
from tests.vendors.alibaba import writers
from tests.vendors.alibaba.swanctl_writer import swanctl_text
from tests.vendors.alibaba.test_alibaba import DUAL

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "seeds"
GUIDE = "alibaba-strongswan-guide.txt"
BOTH = replace(
    DUAL,
    hold_time=30,
    tunnels=tuple(replace(tunnel, role=None, dpd=ReadDpd(10, None, None)) for tunnel in DUAL.tunnels),
)
TEXT = swanctl_text(BOTH)


def read(text: str) -> ImportReport:
    """The report over one file."""
    return read_documents([("swanctl.conf", text)])


def edited(old: str, new: str, count: int = -1) -> ImportReport:
    """The report after an edit that must find its place."""
    assert old in TEXT
    return read(TEXT.replace(old, new, count))


def test_the_cloud_is_told_by_its_name_only() -> None:
    assert read(TEXT).connections[0].cloud == "alibaba"
    plain = TEXT.replace("Alibaba Cloud", "the other side")
    assert read(plain).connections[0].cloud == "generic"
    assert read(f"# To AWS\n{plain}").connections[0].cloud == "aws"


def test_what_the_cloud_says_joins_it() -> None:
    report = read_documents([("described.json", writers.described_json(DUAL)), ("swanctl.conf", TEXT)])
    (connection,) = report.connections
    expected = [replace(tunnel, dpd=ReadDpd(10, None, None)) for tunnel in DUAL.tunnels]
    assert (connection.id, connection.hold_time, list(connection.tunnels)) == (DUAL.id, 30, expected)
    assert (report.faults, report.missing) == ((), ())


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ('"Fake.\\"key\\"#{1}"', 'Fake."key"#{1}'),
        ("Fake.key_1", "Fake.key_1"),
        ("0x46616b652e6b6579", "Fake.key"),
        ('"0sRmFrZS5rZXk="', "Fake.key"),
    ],
)
def test_a_key_is_what_strongswan_makes_of_it(written: str, key: str) -> None:
    begin = TEXT.index("secret = ")
    end = TEXT.index("\n", begin)
    report = read(f"{TEXT[:begin]}secret = {written}{TEXT[end:]}")
    assert (report.faults, report.connections[0].tunnels[0].psk) == ((), Secret(key))


@pytest.mark.parametrize("written", ["0xFakeKey", "0sFake*Key", "0x00ff00ff", '"0s/////w=="'])
def test_a_key_that_is_no_text_is_a_fault_that_does_not_show_it(written: str) -> None:
    begin = TEXT.index("secret = ")
    end = TEXT.index("\n", begin)
    (fault,) = read(f"{TEXT[:begin]}secret = {written}{TEXT[end:]}").faults
    assert written.strip('"') not in str(fault)
    assert fault.key == "secrets.ike-vco1.secret"


def test_a_secret_of_the_clouds_identity_alone_is_enough() -> None:
    report = edited("      id-1 = 203.0.113.202\n", "")
    assert [tunnel.psk for tunnel in report.connections[0].tunnels] == [tunnel.psk for tunnel in DUAL.tunnels]


def test_a_secret_of_someone_else_is_left_out() -> None:
    report = read(TEXT.replace("id-2 = 198.51.100.2", "id-2 = 192.0.2.1").replace("id-1 = 203.0.113.202\n", "\n"))
    assert [tunnel.psk for tunnel in report.connections[0].tunnels] == [DUAL.tunnels[0].psk, None]
    assert any("a peer that no connection here has" in item.why for item in report.ignored)


def test_certificates_are_not_read() -> None:
    (fault,) = edited("auth = psk", "auth = pubkey", 1).faults
    assert (fault.key, fault.found, fault.allowed) == ("connections.vco1.local.auth", "pubkey", "psk")


def test_our_address_is_the_identity_else_a_public_one() -> None:
    report = edited("         id = 203.0.113.202\n", "")
    assert [tunnel.public for tunnel in report.connections[0].tunnels] == [None, None]
    public = TEXT.replace("         id = 203.0.113.202\n", "").replace("10.0.0.1 ", "203.0.113.9 ")
    assert read(public).connections[0].tunnels[0].public == ip_address("203.0.113.9")


def test_an_address_of_the_other_end_of_the_pair() -> None:
    report = edited("ip address add 169.254.10.2/30 dev", "ip addr add 169.254.10.2/30 peer 169.254.10.1/30 dev")
    (first, _) = report.connections[0].tunnels
    assert (first.inside, first.peer_inside) == (ip_interface("169.254.10.2/30"), ip_address("169.254.10.1"))
    wrong = edited(" neighbor 169.254.10.1 remote-as", " neighbor 169.254.10.3 remote-as")
    assert any("contradicts" in fault.message for fault in wrong.faults)


def test_without_both_times_the_lifetime_is_not_known() -> None:
    report = edited("      over_time = 1800\n", "")
    assert {tunnel.ike.lifetime for tunnel in report.connections[0].tunnels} == {None}


def test_several_children_are_remarked_on() -> None:
    child = "         more { remote_ts = 10.9.0.0/16 }\n      }\n   }\n"
    report = edited("      }\n   }\n", child, 1)
    assert any("2 children" in notice.message for notice in report.warnings)


def test_a_file_that_ends_in_a_section_is_not_read() -> None:
    report = read(TEXT[: TEXT.index("secrets {") - 4])
    assert [found.tunnels for found in report.connections] == [()]
    assert "never closed" in report.faults[0].message


def guide() -> list[str]:
    """The published guide's lines."""
    path = FOLDER / GUIDE
    if not path.is_file():
        pytest.skip(f"{path} is not there: published documents are not part of the repository")
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def files_of_the_guide() -> list[str]:
    """Each swanctl.conf that the guide prints with its secrets."""
    lines = guide()
    starts = [at for at, line in enumerate(lines) if line.strip() == "connections {"]
    ends = [at for at, line in enumerate(lines) if line.strip() == "secrets {"]
    found = []
    for end in ends:
        start = max(at for at in starts if at < end)
        depth = len(lines[end]) - len(lines[end].lstrip())
        close = next(at for at, line in enumerate(lines) if at > end and line.rstrip() == f"{' ' * depth}}}")
        found.append("".join(lines[start : close + 1]))
    return found


def reported(text: str) -> dict[str, Any]:
    return report_as_data(read_documents([(GUIDE, f"# Alibaba Cloud\n{text}")]))


def test_every_file_of_the_published_guide_is_read() -> None:
    files = files_of_the_guide()
    assert len(files) == 4
    for text in files:
        report = reported(text)
        (connection,) = report["connections"]
        assert (report["faults"], connection["cloud"]) == ([], "alibaba")
        assert len(connection["tunnels"]) == text.count("remote_addrs")
        for tunnel in connection["tunnels"]:
            assert tunnel["ike"] == {"version": 2, "proposals": ["aes128-sha1-modp1024"], "lifetime": 86400}
            assert tunnel["esp"] == {"proposals": ["aes128-sha1-modp1024"], "lifetime": 86400}
            assert (tunnel["nat_t"], tunnel["dpd"]["delay"], tunnel["psk"]) == (True, 10, None)
        whys = [item["why"] for item in report["missing"] if item["field"].endswith(("remote", "public", "psk"))]
        assert len(whys) == 3 * len(connection["tunnels"])
        assert all("a placeholder stands there" in why for why in whys)


def test_the_published_guide_as_a_page_gives_its_bgp_too() -> None:
    report = reported("".join(guide()))
    (connection,) = report["connections"]
    found = (connection["mode"], connection["asn"], connection["peer_asn"], connection["hold_time"])
    assert found == ("bgp", 65530, 65535, 30)
    assert [tunnel["inside"] for tunnel in connection["tunnels"]] == ["169.254.10.2/30", "169.254.20.2/30"]
    (fault,) = report["faults"]
    assert (fault["message"], fault["found"]) == ("a reserved ASN", "65535")
