"""Published downloads, where they lie beside the repository: never copied; expectations are picked from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from appliance.vendors import read_documents
from appliance.vendors.report import report_as_data

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "seeds"


def text_of(name: str) -> str:
    """The document."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: published documents are not part of the repository")
    return path.read_text(encoding="utf-8")


def read(name: str, text: str) -> dict[str, Any]:
    """The report, keys hidden."""
    return report_as_data(read_documents([(name, text.encode())]))


def picked(pattern: str, text: str) -> list[str]:
    """What a crude search finds."""
    return re.findall(pattern, text, re.MULTILINE)


def test_the_strongswan_download() -> None:
    text = text_of("aws-strongswan-download.txt")
    report = read("aws-strongswan-download.txt", text)
    (connection,) = report["connections"]
    identifier, gateway, customer = picked(r"^Your .* ID +: (\S+)$", text)
    tunnels = connection.pop("tunnels")
    assert connection == {
        "name": identifier, "cloud": "aws", "id": identifier, "cloud_gateway": gateway, "customer_gateway": customer,
        "mode": None, "asn": None, "peer_asn": None, "hold_time": None, "networks": [], "local_networks": [],
    }  # fmt: skip
    rest = {
        "local_id": None, "remote_id": None, "role": None, "nat_t": None, "psk": "***",
        "ike": {"version": 1, "proposals": ["aes128-sha1-modp1024"], "lifetime": 28800},
        "esp": {"proposals": ["aes128-sha1-modp1024"], "lifetime": 3600},
        "dpd": {"delay": 10, "retries": None, "timeout": 30}, "mtu": 1419, "mss": None,
    }  # fmt: skip
    places = ("remote", "public", "inside", "peer_inside")
    found = zip(
        picked(r"^\tright=(.*)$", text),
        picked(r"^\tleftid=(.*)$", text),
        picked(r"-ll (\S+)\b.* -m", text),
        picked(r"-lr (\S+)/30 -m", text),
        strict=True,
    )
    assert tunnels == [dict(zip(places, values, strict=True)) | rest for values in found]
    assert len(tunnels) == 2


def test_what_the_strongswan_download_leaves_open_and_out() -> None:
    text = text_of("aws-strongswan-download.txt")
    report = read("aws-strongswan-download.txt", text)
    whys = {item["field"]: item["why"] for item in report["missing"]}
    assert whys.keys() == {"connections[0].asn", "connections[0].peer_asn", "connections[0].networks"}
    assert whys["connections[0].peer_asn"] == "this format never names it"
    assert "<VPC CIDR>" in whys["connections[0].networks"]
    assert {"line": 60, "why": "an updown script: the appliance does this itself"} in report["ignored"]
    lines = text.splitlines()
    ignored = " ".join(lines[item["line"] - 1] for item in report["ignored"])
    assert all(word in ignored for word in ("iptables", "rp_filter=2", "type vti", "mark=100", "#!/bin/bash"))
    assert report["faults"] == []


def test_the_download_with_words_for_values() -> None:
    text = text_of("aws2aliyun-readme.txt")
    report = read("aws2aliyun-readme.txt", text)
    (tunnel,) = report["connections"][0]["tunnels"]
    whys = {item["field"].rpartition(".")[2]: item["why"] for item in report["missing"]}
    literals = {"remote": "aws_public_ip", "public": "aliyun_public_ip", "psk": "password", "networks": "<VPC CIDR>"}
    assert all(literal in whys[field] for field, literal in literals.items())
    assert (tunnel["remote"], tunnel["public"], tunnel["psk"]) == (None, None, None)
    assert tunnel["inside"] in picked(r"-ll (\S+) ", text)
    assert any("one tunnel only" in notice["message"] for notice in report["warnings"])
    assert report["faults"] == []
