"""A machine of EC2 whose user-data is faulty: it says so, can be reached, and lets itself be configured on its console;
a copy of its disk is another machine at Alibaba's, and does what it is told there."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import FIRST_CARD, Box
from tests.image.conftest import DOCUMENT
from tests.image.metadata import ALIBABA, EC2, describe_to_alibaba, describe_to_ec2
from tests.image.test_boot import BOOT

pytestmark = pytest.mark.image

FAULTY = "bgp: true\nlann: 172.16.20.0/24\n"
LATER = "bgp: true\nfurther: 1\n"


def packed(settings: str) -> str:
    """User-data with these flags of `configure`, as `import --user-data` packs what would be too long."""
    content = base64.b64encode(gzip.compress(settings.encode())).decode()
    entry = {"path": "/etc/appliance/configure.yaml", "encoding": "gz+b64", "content": content}
    return f"#cloud-config\n{json.dumps({'write_files': [entry]})}\n"


@pytest.fixture(scope="module")
def box(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Its uplink leads nowhere; SSH comes by a card of its own, since uplinks are closed to it."""
    disk = image.with_suffix(".qcow2")
    box = Box(Path(tmp_path_factory.mktemp("console")) / "box", disk, ("user,restrict=on",))
    box.move_to(EC2, {"user-data": packed(FAULTY), **describe_to_ec2("i-1", FIRST_CARD, box.key_line)})
    yield box
    box.remove()


def test_faulty_user_data_is_said_and_the_machine_reachable(box: Box) -> None:
    """A flag that does not exist: named on the console and by status, with SSH open to the key that EC2 tells of."""
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
        "Interface to the Internet": "isp1=enp0s17",
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


def test_a_copy_in_another_cloud_is_another_machine(box: Box) -> None:
    """User-data counts there again, whatever the disk says, and what was in force stays until it can be done."""
    box.ssh("systemctl poweroff")
    box.wait_until(lambda: not box.runs(), 120, "end")
    box.move_to(ALIBABA, {"user-data": packed(LATER), **describe_to_alibaba("i-2", FIRST_CARD, box.key_line)})
    box.start()
    box.wait_for("further", BOOT)
    assert revision(box) == 1
    assert box.do("cat /run/cloud-init/cloud-id /var/lib/cloud/data/instance-id").split() == ["aliyun", "i-2"]


def revision(box: Box) -> int | None:
    """What the machine's status tells, None as long as it has nothing to tell."""
    done = box.ssh("appliance status --json")
    return json.loads(done.stdout).get("revision") if done.returncode in (0, 1) and done.stdout else None
