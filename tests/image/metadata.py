"""A cloud's metadata service, and what else a machine knows its cloud by.

    python3 metadata.py FOLDER    one request on stdin, its answer on stdout: QEMU starts this for each connection

FOLDER holds ``user-data`` and ``meta-data/``. Whoever brings no token, which is asked for by PUT, is told nothing (EC2
User Guide, "Use IMDSv2"; Alibaba Cloud ECS, "Access instance metadata", security hardening mode).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any

TOKEN = "a-token-that-is-fake"
LISTING = ".list"
"""A folder's listing where it is not its names: EC2 lists keys as ``0=name``."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A cloud as its machines see it. ``maker``: what their firmware says, in QEMU's words; ``first``: how their UUIDs
    begin; ``service``: the address of the metadata, in the ``network`` that the first card is in."""

    maker: str
    first: str
    network: str
    service: str


EC2 = Platform("manufacturer=Amazon EC2,product=t3.small", "ec2", "169.254.169.0/24", "169.254.169.254")
"""EC2 User Guide, "Detect whether a host is an EC2 instance"."""
ALIBABA = Platform("manufacturer=Alibaba Cloud,product=Alibaba Cloud ECS", "", "100.100.100.0/24", "100.100.100.200")


def describe_to_ec2(instance: str, mac: str, key: str) -> dict[str, Any]:
    """``meta-data`` as EC2 has it: a folder for each level."""
    card = {"device-number": "0", "interface-id": "eni-0", "vpc-id": "vpc-0"}
    keys = {LISTING: "0=box", "0": {"openssh-key": key}}
    return {
        "meta-data": {
            "instance-id": instance,
            "local-hostname": "box",
            "public-keys": keys,
            "network": {"interfaces": {"macs": {mac: card}}},
        },
        "dynamic": {"instance-identity": {"document": json.dumps({"instanceId": instance, "region": "eu-central-1"})}},
    }


def describe_to_alibaba(instance: str, mac: str, key: str) -> dict[str, Any]:
    """``meta-data`` as Alibaba has it, all in one."""
    told = {
        "instance-id": instance,
        "hostname": "box",
        "public-keys": {"0": {"openssh-key": key}},
        "network": {"interfaces": {"macs": {mac: {"netmask": "255.255.255.0"}}}},
    }
    return {"meta-data": {"all": json.dumps(told)}}


def lay_out(folder: Path, told: dict[str, Any]) -> None:
    """The files that the service reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in told.items():
        if isinstance(value, dict):
            lay_out(folder / name, value)
        else:
            (folder / name).write_text(value)


def answer(folder: Path, method: str, path: str, headers: Message) -> tuple[int, bytes]:
    """HTTP's status and the text."""
    _version, _, rest = path.strip("/").partition("/")
    named = {name.lower(): value for name, value in headers.items()}
    if method == "PUT" and rest == "api/token":
        asked = any(name.endswith("-metadata-token-ttl-seconds") for name in named)
        return (200, TOKEN.encode()) if asked else (400, b"")
    if TOKEN not in (value for name, value in named.items() if name.endswith("-metadata-token")):
        return 401, b""
    place = folder / rest
    if place.is_dir():
        return 200, list_folder(place).encode()
    return (200, place.read_bytes()) if place.is_file() else (404, b"")


def list_folder(folder: Path) -> str:
    """Names, those of folders with a slash."""
    given = folder / LISTING
    names = (f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.iterdir()))
    return given.read_text() if given.exists() else "\n".join(names)


def main() -> None:
    method, path, _ = sys.stdin.buffer.readline().decode().split(" ", 2)
    code, body = answer(Path(sys.argv[1]), method, path, parse_headers(sys.stdin.buffer))
    head = f"HTTP/1.1 {code} -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    sys.stdout.buffer.write(head.encode() + body)


if __name__ == "__main__":
    main()
