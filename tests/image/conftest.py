"""The image under test, built when it is missing or older than the sources, and the cloud that all tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image.box import UPLINK, Box
from tests.image.cloud import REPO, Cloud

DOCUMENT = REPO / "labs/aws-bgp-ecmp/vpn-0fa4e000000000001.txt"
FLAGS = ("--bgp", "--name", "first", "--lan", "172.16.20.0/24", "--asn", "65010", "--peer-asn", "64512")

SITE = {"name": "dc1", "asn": 65010, "networks": ["172.16.20.0/24"]}
UPLINKS = [{"name": "isp1", "interface": "enp0s17", "address": "auto", "gateway": "203.0.113.1"}]
SPOKEN = {"mode": "bgp", "speaker": "exabgp", "peer-asn": 64512}


@pytest.fixture(scope="session")
def image() -> Path:
    """The disk that `make image` builds; built here when it is not of these sources. IMAGE names another."""
    if given := os.environ.get("IMAGE"):
        return Path(given)
    out = REPO / "build" / "image"
    subprocess.run([sys.executable, "images/disk.py", "--disk", "--if-changed", out], cwd=REPO, check=True)
    return out / "appliance.raw"


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The far side: a guest of its own, so that nothing else that runs here meets it."""
    with tempfile.TemporaryDirectory(prefix="img-") as folder:
        cloud = Cloud(Path(folder))
        try:
            cloud.start()
            yield cloud
        finally:
            cloud.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, on a disk: a machine's own disk lies in it."""
    with tempfile.TemporaryDirectory(prefix="box-", dir="/var/tmp") as folder:
        yield Path(folder)


def user_data(box: Box, *flags: str, document: Path = DOCUMENT) -> str:
    """What `appliance import --user-data` prints, with a key for SSH."""
    words = ("import", "--user-data", str(document), *FLAGS, "--uplink", UPLINK, "--wait", "300s", *flags)
    return f"{run_appliance(*words)}ssh_authorized_keys:\n- {box.key_line}\n"


def user_data_with_intent(box: Box, folder: Path) -> str:
    """User-data with a whole intent for ExaBGP: what ``import`` writes into ``folder``, completed by what only people
    know."""
    run_appliance("import", str(DOCUMENT), "-o", str(folder))
    intent: dict[str, Any] = yaml.safe_load((folder / "intent.yaml").read_text())
    (connection,) = intent["connections"]
    whole = {**intent, "site": SITE, "uplinks": UPLINKS, "connections": [connection | SPOKEN]}
    files = {"intent.yaml": yaml.safe_dump(whole)}
    files |= {f"secrets/{path.name}": path.read_text() for path in (folder / "secrets").iterdir()}
    written = [{"path": f"/etc/appliance/{name}", "content": text} for name, text in files.items()]
    return f"#cloud-config\n{json.dumps({'ssh_authorized_keys': [box.key_line], 'write_files': written})}\n"


def run_appliance(*words: str) -> str:
    """What it printed."""
    command = (sys.executable, "-m", "appliance.cli.main", *words)
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True).stdout
