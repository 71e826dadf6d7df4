"""Bad ways out and bad selectors: each is refused, or warned about, by name."""

from __future__ import annotations

from typing import Any

import yaml

from appliance.intent.read import read_intent

UPLINKS = [
    {"name": "isp1", "interface": "eth0", "public": "203.0.113.202"},
    {"name": "isp2", "interface": "eth1", "public": "203.0.113.127"},
]


def tunnel(number: int, **more: Any) -> dict[str, Any]:
    return {
        "name": f"vco-{number}",
        "uplink": f"isp{number}",
        "remote": f"198.51.100.{number}",
        "psk": {"file": f"{number}.psk"},
        "inside": f"169.254.{number}0.2/30",
        "peer-inside": f"169.254.{number}0.1",
        "ike": {"version": 2, "proposals": ["aes256-sha256-modp2048"]},
        "esp": {"proposals": ["aes256-sha256-modp2048"]},
        **more,
    }


def said(*tunnels: dict[str, Any], **more: Any) -> tuple[list[tuple[str | None, str]], list[tuple[str, str]]]:
    """(faults, notices), each with its place, of an intent with these tunnels."""
    connection = {
        "name": "vco", "cloud": "alibaba", "mode": "bgp", "peer-asn": 64601, "networks": ["192.168.0.0/16"],
        "tunnels": list(tunnels), **more,
    }  # fmt: skip
    site = {"name": "dc1", "asn": 65530, "networks": ["172.16.20.0/24"]}
    text = yaml.safe_dump({"version": 1, "site": site, "uplinks": UPLINKS, "connections": [connection]})
    _, faults, notices = read_intent(text, "way.yaml")
    return [(fault.key, fault.message) for fault in faults], [(one.where, one.message) for one in notices]


def test_a_tunnel_for_each_uplink_needs_no_word() -> None:
    assert said(tunnel(1), tunnel(2)) == ([], [])


def test_a_tunnel_whose_uplink_is_another_than_the_cloud_expects_is_refused() -> None:
    faults, _ = said(tunnel(1, **{"local-id": "203.0.113.127"}), tunnel(2))
    place = "connections[0].tunnels[0].local-id"
    assert faults == [(place, "the cloud expects this tunnel from isp2, and it leaves by isp1")]


def test_an_uplink_that_is_seen_under_another_address_than_the_cloud_expects_is_warned_about() -> None:
    faults, notices = said(tunnel(1, **{"local-id": "203.0.113.99"}), tunnel(2))
    assert faults == []
    message = "the cloud expects this tunnel from 203.0.113.99, and isp1 is seen as 203.0.113.202"
    assert notices == [("vco-1", f"{message}; look which one is right")]


def test_both_tunnels_on_one_of_two_uplinks_are_warned_about() -> None:
    faults, notices = said(tunnel(1), tunnel(2, uplink="isp1"))
    assert faults == []
    assert notices == [("vco", "all tunnels leave by isp1, and fail with it; let one leave by isp2")]


def test_tunnels_with_one_inside_network_are_refused() -> None:
    faults, _ = said(tunnel(1), tunnel(2, inside="169.254.10.2/30", **{"peer-inside": "169.254.10.1"}))
    assert [key for key, _ in faults] == ["connections[0].tunnels[1].inside"]


def test_selectors_that_overlap_are_refused() -> None:
    selectors = [{"local": ["172.16.20.0/24"], "remote": [net]} for net in ("192.168.0.0/16", "192.168.7.0/24")]
    bare = [{key: value for key, value in one.items() if "inside" not in key} for one in (tunnel(1), tunnel(2))]
    faults, _ = said(*bare, mode="policy", selectors=selectors)
    message = "overlaps 172.16.20.0/24 to 192.168.0.0/16 of connections[0].selectors[0]: a packet may not belong to two"
    assert faults == [("connections[0].selectors[1]", message)]


def test_several_networks_with_ikev1_name_ikev2() -> None:
    selectors = [{"local": ["172.16.20.0/24"], "remote": ["192.168.1.0/24", "192.168.2.0/24"]}]
    bare = [{key: value for key, value in one.items() if "inside" not in key} for one in (tunnel(1), tunnel(2))]
    for one in bare:
        one["ike"] = {**one["ike"], "version": 1}
    faults, _ = said(*bare, mode="policy", selectors=selectors)
    assert {message for _, message in faults} == {"IKEv1 agrees on one network at either side, and there are 1 and 2"}
