"""The image boots: from user-data to tunnels that carry, again after a power cut, and not at all when it was changed.

One machine goes through its life in the order of these tests; what a test needs is what the one before it left.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import Box
from tests.image.cloud import Cloud
from tests.image.conftest import user_data

pytestmark = pytest.mark.image

READY = "appliance: READY "
BOOT = 600.0
"""Seconds: a quiet machine needs 60 without KVM."""
OPEN = {"22"}
"""TCP ports that may listen towards the network."""


@pytest.fixture(scope="module")
def box(cloud: Cloud, image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """The machine whose life this is."""
    box = Box(Path(tmp_path_factory.mktemp("box")) / "box", image, cloud.cards())
    yield box
    box.remove()


def test_user_data_alone_brings_the_tunnels_up(box: Box, cloud: Cloud) -> None:
    """BIOS, gzip'd NoCloud user-data larger than a cloud takes unpacked: nobody logs in, and the console says READY."""
    padding = "".join(f"# {random.Random(7).random()}\n" for _ in range(900))
    box.seed(gzip.compress(f"{user_data(box)}{padding}".encode()))
    cloud.watch()
    box.start()
    line = box.wait_for(READY, BOOT)
    assert re.search(r"revision=1 tunnels=2/2 prefixes=[12]\b", line), line
    assert cloud.ask("lan", "ping -c 3 -i 0.3 -W 3 10.1.0.4") == 0
    assert cloud.seen_in_clear() == []


def test_it_is_closed(box: Box) -> None:
    """SSH by key and by nothing else, no other port, no program that makes root of somebody, nothing writable."""
    assert box.ssh("true", key=False).returncode == 255
    assert box.do("id -u").strip() == "0"
    assert {port.rpartition(":")[2] for port in listening(box)} <= OPEN
    assert box.do("find / -xdev -perm /6000 -type f").strip() == ""
    assert box.ssh("touch /usr/bin/x").returncode != 0
    assert "password" not in box.do("sshd -T | grep ^authenticationmethods; true").replace("any", "")
    assert box.do("sshd -T | grep -c '^passwordauthentication no'").strip() == "1"


def test_units_are_up_and_none_failed(box: Box) -> None:
    units = "appliance appliance-firewall strongswan frr ssh systemd-networkd"
    assert box.do(f"systemctl is-active {units}").split() == ["active"] * 6
    assert box.do("systemctl list-units --failed --plain --no-legend").strip() == ""


def test_user_data_is_closed_to_others(box: Box) -> None:
    modes = box.do("stat -c '%a %n' /etc/appliance/documents /etc/appliance/documents/* /etc/appliance/secrets/*")
    assert {line.split()[0] for line in modes.splitlines()} == {"700", "600"}


def test_a_power_cut_while_it_writes_loses_nothing(box: Box) -> None:
    """Three times, in the middle of writes to the state; it comes back by itself each time, by UEFI."""
    before = kept(box)
    chance = random.Random(11)
    for _ in range(CUTS):
        box.ssh(f"nohup sh -c '{WRITING}' >/dev/null 2>&1 & sleep {chance.uniform(0.2, 2):.2f}")
        box.kill()
        box.start(uefi=True)
        box.wait_for(READY, BOOT)
        assert kept(box) == before


def test_a_full_state_partition_stops_no_traffic(box: Box, cloud: Cloud) -> None:
    """Nothing more can be written; a daemon that starts anew finds its way, and packets theirs."""
    box.ssh("cat /dev/zero > /var/lib/full; sync")
    assert box.do("df --output=avail /state | tail -n 1").strip() == "0"
    box.do("systemctl restart appliance")
    assert cloud.ask("lan", "ping -c 5 -i 0.3 -W 3 10.1.0.4") == 0
    box.do("rm /var/lib/full")


def test_nothing_goes_out_in_clear_when_the_daemons_die(box: Box, cloud: Cloud) -> None:
    """Daemon, charon and FRR killed while the LAN sends, then the machine switched off."""
    cloud.watch()
    cloud.do("lan", "nohup timeout 900 ping -i 0.2 10.1.0.4 >/dev/null 2>&1 &")
    box.ssh("systemctl kill -s KILL appliance strongswan frr")
    box.wait_until(lambda: cloud.ask("lan", "ping -c 1 -W 2 10.1.0.4") == 0, 180, "way through a tunnel")
    box.ssh("systemctl poweroff")
    box.wait_until(lambda: not box.runs(), 120, "end")
    assert cloud.seen_in_clear() == []


def test_a_changed_root_does_not_boot(box: Box) -> None:
    """One bit of a block that every boot reads."""
    offset = partition_start(box.disk, "root-a") + 1024
    with box.disk.open("r+b") as disk:
        disk.seek(offset)
        byte = disk.read(1)[0]
        disk.seek(offset)
        disk.write(bytes([byte ^ 1]))
    box.start()
    box.wait_until(lambda: not box.runs(), BOOT, "end")
    assert READY not in box.said()
    assert "corrupted" in box.said() or "cannot start" in box.said(), box.said()[-500:]


def test_faulty_user_data_is_said_and_the_machine_reachable(image: Path, folder: Path) -> None:
    """A flag that does not exist: named on the console and by status, with SSH open."""
    box = Box(folder / "box", image)
    box.seed(f"#cloud-config\nssh_authorized_keys: [{box.key_line}]\n{FAULTY}".encode())
    box.start()
    try:
        box.wait_for("NOT CONFIGURED", BOOT)
        assert "lann" in box.said(), box.said()[-1000:]
        assert "configure.yaml has 1 fault" in box.ssh("appliance status").stderr
    finally:
        box.kill()


FAULTY = """\
write_files:
- path: /etc/appliance/configure.yaml
  content: |
    bgp: true
    lann: 172.16.20.0/24
"""
CUTS = 3
WRITING = "while :; do head -c 300000 /dev/urandom > /var/lib/x; sync; mv /var/lib/x /var/lib/y; done"


def listening(box: Box) -> list[str]:
    """TCP and UDP sockets of ours that others can reach; IKE's and DHCP's are what the machine is for."""
    lines = box.do("ss -Htuln").splitlines()
    sockets = [(words[0], words[4]) for line in lines if len(words := line.split()) > 4]
    inside = ("127.", "[::1]", "%lo")
    expected = (":500", ":4500", ":68", ":546", ":179")
    return [at for _, at in sockets if not any(one in at for one in inside) and not at.endswith(expected)]


def kept(box: Box) -> dict[str, str]:
    """What must be the same after a restart."""
    status = json.loads(box.do("appliance status --json"))
    machine = box.do("cat /etc/machine-id; ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; hostname")
    intent = box.do("sha256sum /etc/appliance/intent.yaml /etc/appliance/secrets/*")
    return {"revision": str(status["revision"]), "machine": machine, "intent": intent}


def partition_start(disk: Path, name: str) -> int:
    """The first byte of a partition, from the GPT (UEFI specification 2.10, section 5.3)."""
    table = disk.open("rb").read(34 * 512)[1024:]
    for at in range(0, len(table), 128):
        entry = table[at : at + 128]
        if entry[56:].decode("utf-16-le").rstrip("\0") == name:
            return int.from_bytes(entry[32:40], "little") * 512
    raise AssertionError(f"no partition {name}")
