"""A machine whose user-data is faulty: it says so, can be reached, and lets itself be configured on its console."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import UPLINK, Box
from tests.image.conftest import DOCUMENT
from tests.image.test_boot import BOOT

pytestmark = pytest.mark.image

FAULTY = """\
write_files:
- path: /etc/appliance/configure.yaml
  content: |
    bgp: true
    lann: 172.16.20.0/24
"""


@pytest.fixture(scope="module")
def box(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Its uplink leads nowhere; SSH comes by a card of its own, since uplinks are closed to it."""
    box = Box(Path(tmp_path_factory.mktemp("console")) / "box", image, ("user,restrict=on",))
    box.seed(f"#cloud-config\nssh_authorized_keys: [{box.key_line}]\n{FAULTY}".encode())
    yield box
    box.remove()


def test_faulty_user_data_is_said_and_the_machine_reachable(box: Box) -> None:
    """A flag that does not exist: named on the console and by status, with SSH open."""
    box.start(uefi=True)
    box.wait_for("NOT CONFIGURED", BOOT)
    assert "lann" in box.said(), box.said()[-1000:]
    assert "configure.yaml has 1 fault" in box.ssh("appliance status").stderr


def test_the_console_asks_and_the_machine_is_configured(box: Box) -> None:
    """Pasted there: the cloud's document, what it does not say, and a key that may log in from then on."""
    other = box.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    box.wait_for("press Enter", BOOT)
    box.type("\n")
    box.wait_for("Paste the document", BOOT)
    box.type(f"{DOCUMENT.read_text()}\n.\n")
    answers = {
        "Who routes": "bgp",
        "Networks of yours": "172.16.20.0/24",
        "Your ASN": "65010",
        "Theirs": "64512",
        "Interface to the Internet": UPLINK,
        "SSH public key": other.with_suffix(".pub").read_text().strip(),
        "Configure it so?": "y",
    }
    for question, answer in answers.items():
        box.wait_for(question, BOOT)
        box.type(f"{answer}\n")
    box.wait_until(lambda: revision(box) == 1, BOOT, "revision")
    assert box.do("cat /etc/appliance/documents/console.txt") == f"{DOCUMENT.read_text()}\n"
    box.do('rm /root/.ssh/authorized_keys; test "$(stat -c %a /etc/appliance/documents/console.txt)" = 600')
    for name in ("key", "key.pub"):
        (box.folder / name.replace("key", "other")).replace(box.folder / name)
    assert revision(box) == 1


def test_a_key_from_elsewhere_is_a_credential(box: Box) -> None:
    """What /etc/credstore holds for the appliance is the daemon's and nobody else's."""
    box.do("mkdir -p /etc/credstore && echo this.key.is.fake > /etc/credstore/appliance.fake")
    box.do("systemctl restart appliance")
    assert box.do("cat /run/credentials/appliance.service/appliance.fake").strip() == "this.key.is.fake"
    assert box.do("stat -c '%a %u' /run/credentials/appliance.service/appliance.fake").split()[0] in ("400", "440")


def revision(box: Box) -> int | None:
    """What the machine's status tells, None as long as it has nothing to tell."""
    done = box.ssh("appliance status --json")
    return json.loads(done.stdout).get("revision") if done.returncode in (0, 1) and done.stdout else None
