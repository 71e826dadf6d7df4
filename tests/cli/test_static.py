"""``appliance configure --static``: from a download to one tunnel that carries and one that stands by."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from appliance.model.fault import SystemLacks
from tests.cli.calling import Run
from tests.fakes.box import Box
from tests.vendors.aws.test_description import CONNECTION
from tests.vendors.aws.writers import described_json

NAMED = ("--name", "vpc", "--lan", "172.16.20.0/24")
NETWORK = ("--network", "10.0.0.0/16")


def test_one_carries_and_one_stands_by(box: Box, run: Run, strongswan: Path) -> None:
    done = run("configure", "--static", "--from", strongswan, *NAMED, *NETWORK, "--yes", "--json")
    assert done.code == 0, done.err
    (connection,) = done.json["connections"]
    assert (connection["state"], connection["redundant"], connection["speaker"]) == ("ok", True, None)
    assert [tunnel["state"] for tunnel in connection["tunnels"]] == ["carrying", "standby"]
    assert connection["prefixes"] == [{"prefix": "10.0.0.0/16", "source": "static", "via": ["vpc-1"]}]
    assert done.json["drift"] == []
    assert box.frr.writes == 0


def test_a_second_time_changes_nothing(box: Box, run: Run, strongswan: Path) -> None:
    run("configure", "--static", "--from", strongswan, *NAMED, *NETWORK, "--yes")
    written = box.writes
    assert run("configure", "--static", "--from", strongswan, "--yes", "--json").code == 0
    assert run("apply", "--yes").code == 0
    assert box.writes == written
    assert run("plan", "--json").json["changes"] == 0


def test_equal_tunnels_carry_together(box: Box, run: Run, strongswan: Path) -> None:
    done = run("configure", "--static", "--from", strongswan, *NAMED, *NETWORK, "--prefer", "equal", "--yes", "--json")
    assert done.json["connections"][0]["prefixes"][0]["via"] == ["vpc-1", "vpc-2"]
    assert "prefer: equal" in (box.store.read_intent() or "")
    run("configure", "--static", "--from", strongswan, "--prefer", "ordered", "--yes")
    assert "prefer" not in (box.store.read_intent() or "")


def test_what_the_document_leaves_out_is_asked_for(box: Box, run: Run, strongswan: Path) -> None:
    done = run("configure", "--static", "--from", strongswan, "--name", "vpc", "--yes", "--json")
    assert done.code == 3
    assert {(fault["key"], fault["fix"]) for fault in done.error["faults"]} == {
        ("connections[0].networks", "--network CIDR"),
        ("site.networks", "--lan CIDR"),
    }
    assert box.writes == 0


def test_it_needs_no_router_daemon(box: Box, run: Run, strongswan: Path) -> None:
    box.frr.lacking = (SystemLacks("FRR does not answer"),)
    done = run("configure", "--static", "--from", strongswan, *NAMED, *NETWORK, "--yes", "--json")
    assert done.code == 0, done.err


def test_from_bgp_to_static_and_back(box: Box, run: Run, generic: Path) -> None:
    run("configure", "--bgp", "--from", generic, *NAMED, "--yes")
    done = run("configure", "--static", "--from", generic, *NETWORK, "--yes", "--json")
    assert done.code == 0, done.err
    assert "the cloud needs static routes back" in done.err
    assert done.json["connections"][0]["prefixes"][0]["source"] == "static"
    done = run("configure", "--bgp", "--from", generic, "--yes", "--json")
    assert done.json["connections"][0]["prefixes"][0]["source"] == "bgp"
    assert run("plan", "--json").json["changes"] == 0


def test_a_tunnel_that_is_not_up_is_named(box: Box, run: Run, strongswan: Path) -> None:
    box.cloud.silent = True
    done = run("configure", "--static", "--from", strongswan, *NAMED, *NETWORK, "--yes", "--json", "--wait", "10s")
    assert done.code == 1
    assert "500 and 4500" in done.error["message"].replace("/", " and ") + str(done.error["faults"])


def test_a_document_that_names_our_networks_needs_no_lan(box: Box, run: Run, tmp_path: Path) -> None:
    ours = (ip_network("172.16.20.0/24"), ip_network("172.16.21.0/24"))
    described = tmp_path / "vpn.json"
    static = replace(CONNECTION, mode="static", asn=None, peer_asn=None, hold_time=None, local_networks=ours)
    described.write_text(described_json(static))
    done = run("configure", "--static", "--from", described, "--name", "vpc", *NETWORK, "--yes", "--json")
    assert done.code == 0, done.err
    assert "networks: [172.16.20.0/24, 172.16.21.0/24]" in (box.store.read_intent() or "")
    assert "without --lan" in done.err
    assert not any("create-vpn-connection-route" in (task["command"] or "") for task in done.json["todo"])
    again = run("configure", "--static", "--from", described, *NETWORK, "--lan", "172.16.22.0/24", "--yes", "--json")
    assert "without --lan" not in again.err
