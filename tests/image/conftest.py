"""The image under test, built when it is missing or older than the sources, and the cloud that all tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import UPLINK, Box
from tests.image.cloud import REPO, Cloud

DOCUMENT = REPO / "labs/aws-bgp-ecmp/vpn-0fa4e000000000001.txt"
FLAGS = ("--bgp", "--name", "first", "--lan", "172.16.20.0/24", "--asn", "65010", "--peer-asn", "64512")


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
        cloud.start()
        yield cloud
        cloud.stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, on a disk: a machine's own disk lies in it."""
    with tempfile.TemporaryDirectory(prefix="box-", dir="/var/tmp") as folder:
        yield Path(folder)


def user_data(box: Box, *flags: str, document: Path = DOCUMENT) -> str:
    """What `appliance import --user-data` prints, with a key for SSH."""
    words = ("import", "--user-data", str(document), *FLAGS, "--uplink", UPLINK, "--wait", "300s", *flags)
    command = (sys.executable, "-m", "appliance.cli.main", *words)
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    return f"{done.stdout}ssh_authorized_keys:\n- {box.key_line}\n"
