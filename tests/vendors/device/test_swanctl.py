"""A swanctl.conf that speaks of no cloud, or of AWS."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

import pytest

from appliance.model.document import ReadEsp
from appliance.model.secret import Secret
from tests.vendors.device.reading import read, the_connection

TEXT = """connections {
    office {
        version = 2
        local_addrs = 203.0.113.202
        remote_addrs = 198.51.100.7
        proposals = aes256-sha256-modp2048
        dpd_delay = 10s
        local {
            auth = psk
        }
        remote {
            auth = psk
        }
        children {
            office {
                local_ts = 172.16.0.0/12
                remote_ts = 10.20.0.0/16
                esp_proposals = aes256gcm16-ecp384
                life_time = 1h
                start_action = start
            }
        }
    }
}
secrets {
    ike-office {
        id = 198.51.100.7
        secret = "Fake#key {of} one"
    }
}
"""


def test_any_gateway_s() -> None:
    report = read(TEXT)
    assert [document.format for document in report.documents] == ["device/swanctl"]
    connection = the_connection(TEXT)
    assert (connection.cloud, connection.networks) == ("generic", (ip_network("10.20.0.0/16"),))
    (tunnel,) = connection.tunnels
    assert (tunnel.remote, tunnel.public) == (ip_address("198.51.100.7"), ip_address("203.0.113.202"))
    assert (tunnel.ike.version, tunnel.ike.proposals) == (2, ("aes256-sha256-modp2048",))
    assert tunnel.esp == ReadEsp(("aes256gcm16-ecp384",), 3600)
    assert tunnel.psk == Secret("Fake#key {of} one")


@pytest.mark.parametrize("name", ["aws-1", "vpn-0fa4e000000000001"])
def test_aws_s_by_a_name_in_it(name: str) -> None:
    text = TEXT.replace("office", name).replace("Fake#key {of} one", "Fake.key.of_1")
    assert the_connection(text).cloud == "aws"


def test_the_cloud_s_own_document_adds_the_rest() -> None:
    generic = "conn office\n\tright=198.51.100.7\n\tleftvti=169.254.23.6/30\n\tauthby=secret\n"
    report = read(TEXT, generic)
    assert report.faults == ()
    assert [tunnel.inside for tunnel in report.connections[0].tunnels] == [ip_interface("169.254.23.6/30")]
