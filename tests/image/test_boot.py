"""The image boots: from user-data to tunnels that carry, again after power cuts, and not at all when it was changed.

One machine goes through its life in the order of these tests; what a test needs is what the one before it left. The
LAN behind it sends all the time, and what goes over the Internet is noted from before its first start to after its end.
Then another one takes its place.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import GROWTH, Box
from tests.image.cloud import Cloud
from tests.image.conftest import DOCUMENT, user_data, user_data_with_intent
from tests.image.disk import Disk

pytestmark = pytest.mark.image

READY = "appliance: READY "
BOOT = float(os.environ.get("BOOT", "900"))
"""Seconds: a quiet machine needs 60 without KVM."""
OPEN = {"22"}
"""TCP ports that may listen towards the network."""
CUTS = int(os.environ.get("CUTS", "3"))
"""How many times the power is cut while the machine writes."""
INTENT = "/etc/appliance/intent.yaml"
WRITER = """\
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 -c "{}"
[Install]
WantedBy=sysinit.target
"""
"""From early in a boot on."""
WRITING = (
    "from time import sleep; from appliance.history.store import Store\\n"
    "store = Store(); text = store.read_intent(); number = 0\\n"
    "while True:\\n"
    "    number += 1; sleep(0.2); store.write_intent(text + '# %%d\\\\n' %% number)"
)
"""The intent is replaced again and again, as an apply does it; what is read must be one of those, whole."""


@pytest.fixture(scope="module")
def life() -> dict[str, str]:
    """What must be the same at its end as early in its life."""
    return {}


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
    closed = {"permitrootlogin without-password", "passwordauthentication no", "kbdinteractiveauthentication no"}
    assert closed <= set(box.do("sshd -T").splitlines())
    assert box.ssh("command -v cc gcc as ld perl").stdout == ""


def test_charon_has_only_the_plugins_that_tunnels_use(box: Box) -> None:
    """Nothing that reads keys or connections from files, or runs programs."""
    loaded = box.do("journalctl -b -u strongswan -o cat | grep -m1 'loaded plugins'").partition("loaded plugins:")[2]
    assert {"openssl", "vici", "kernel-netlink"} <= set(loaded.split())
    assert not {"stroke", "updown", "resolve", "attr", "pkcs8", "pem", "eap-identity", "unity"} & set(loaded.split())


def test_units_are_up_and_none_failed(box: Box) -> None:
    units = "appliance appliance-firewall strongswan frr ssh systemd-networkd systemd-timesyncd"
    assert box.do(f"systemctl is-active {units}").split() == ["active"] * 7
    assert box.do("systemctl list-units --failed --plain --no-legend").strip() == ""
    assert box.do("systemctl show -P WatchdogUSec appliance frr").split() == ["30s", "1min"]


def test_the_filter_stands_before_the_network(box: Box) -> None:
    """And charon, which begins nothing by itself, before the daemon that tells it what to do."""
    names = "appliance-firewall systemd-networkd strongswan appliance"
    started = box.do(f"systemctl show -P ExecMainStartTimestampMonotonic {names}").split()
    firewall, network, charon, daemon = map(int, started)
    assert firewall < network
    assert firewall < charon < daemon


def test_the_network_daemon_leaves_our_ways_alone(box: Box) -> None:
    """Started anew it finds rules, routes and nexthops that it did not make."""
    ours = (
        "ip rule; ip nexthop; for family in -4 -6; do ip $family route show table all; done | "
        "grep -v -e expires -e 'proto ra' -e 'proto dhcp'"
    )
    before = set(box.do(ours).splitlines())
    box.do("systemctl restart systemd-networkd && /usr/lib/systemd/systemd-networkd-wait-online --any --timeout=60")
    box.wait_until(lambda: before <= set(box.do(ours).splitlines()), 30, "way that was there before")


def test_the_machine_is_nobody_else(box: Box) -> None:
    """Its identity is not the image's: that has none. Its name is what the cloud calls it."""
    seen = box.do(
        "mount -o ro /dev/dm-0 /mnt && cat /mnt/etc/machine-id && ls /mnt/etc/ssh && umount /mnt; "
        "echo; cat /etc/machine-id; hostname; ls /etc/ssh"
    )
    image, _, machine = seen.partition("\n\n")
    assert re.search(r"^[0-9a-f]{32}$", image, re.MULTILINE) is None
    assert re.match(r"[0-9a-f]{32}\nbox\n", machine)
    assert ("ssh_host_" in image, "ssh_host_" in machine) == (False, True)


def test_files_that_change_are_an_event_and_nothing_more(box: Box) -> None:
    """Once per instance: from then on the machine's own state is what counts."""
    name = DOCUMENT.name
    box.do(f"echo '# seen' >> /etc/appliance/documents/{name}; chmod 644 /etc/appliance/documents/{name}")
    box.do("systemctl restart appliance-first-boot")
    line = box.wait_for("files differ from what was configured", 120)
    assert "appliance first-boot --again" in line
    assert f"{name} could be read by others: closed" in box.said()
    box.do(f"sed -i '$d' /etc/appliance/documents/{name}; test $(stat -c %a /etc/appliance/documents/{name}) = 600")


def test_user_data_is_closed_to_others(box: Box) -> None:
    modes = box.do("stat -c '%a %n' /etc/appliance/documents /etc/appliance/documents/* /etc/appliance/secrets/*")
    assert {line.split()[0] for line in modes.splitlines()} == {"700", "600"}


def test_the_state_has_the_rest_of_a_larger_disk(box: Box) -> None:
    assert int(box.do("df --output=size -B1 /state | tail -n 1")) > 0.9 * ((512 << 20) + GROWTH)


def test_the_journal_is_bounded_and_kept(box: Box) -> None:
    said = box.do("systemd-analyze cat-config systemd/journald.conf | grep -v '^#'")
    assert {"Storage=persistent", "SystemMaxUse=64M"} <= set(said.split())
    assert box.do("ls /var/log/journal/$(cat /etc/machine-id)").strip()


def test_what_the_cloud_tells_the_machine_is_nothing_for_the_lan(box: Box, cloud: Cloud) -> None:
    """Keys sit in user-data."""
    assert cloud.ask("lan", "ping -c 1 -W 1 169.254.169.254") != 0
    assert re.search(r"counter to_metadata {\s+packets [1-9]", box.do("nft list counters table inet appliance"))


def test_a_full_state_partition_stops_no_traffic(box: Box, cloud: Cloud) -> None:
    """Nothing more can be written; a daemon that starts anew finds its way, and packets theirs."""
    box.ssh(
        "fallocate -l $(df --output=avail -B1 /state | tail -n 1) /var/lib/full; cat /dev/zero >> /var/lib/full; sync"
    )
    assert box.do("df --output=avail /state | tail -n 1").strip() == "0"
    box.do("systemctl restart appliance")
    assert cloud.ask("lan", "ping -c 5 -i 0.3 -W 3 10.1.0.4") == 0
    box.do("rm /var/lib/full")


def test_nothing_goes_out_in_clear_when_the_daemons_stop_or_die(box: Box, cloud: Cloud) -> None:
    """Daemon, charon and FRR stopped and started, then killed, while the LAN sends; the way comes back."""
    box.do("systemctl stop appliance strongswan frr && systemctl start appliance strongswan frr")
    assert cloud.seen_in_clear() == []
    box.do("systemctl kill -s KILL appliance strongswan frr")
    box.wait_until(lambda: cloud.ask("lan", "ping -c 1 -W 2 10.1.0.4") == 0, 180, "way through a tunnel")
    assert cloud.seen_in_clear() == []


def test_power_cuts_at_any_write(box: Box, life: dict[str, str]) -> None:
    """While the intent is replaced again and again, also in the middle of a boot; by BIOS and by UEFI."""
    life |= kept(box)
    box.do(f"cat > /etc/systemd/system/writer.service <<'END'\n{WRITER.format(WRITING)}END\n")
    box.do(f"cp {INTENT} /root/intent.yaml; systemctl daemon-reload && systemctl enable --now writer && sync")
    box.wait_until(lambda: "# " in box.ssh(f"tail -n 1 {INTENT}").stdout, 60, "first write")
    box.unplug_seed()
    chance = random.Random(11)
    for number in range(CUTS):
        box.pause(chance.uniform(0, 3) if number == 0 else chance.uniform(10, 40))
        box.kill()
        if number < CUTS - 1:
            box.start(uefi=number % 2 == 0)


def test_a_slot_whose_root_was_changed_does_not_boot(box: Box) -> None:
    """The next version as it will come, in slot b, with one bit of a block flipped that every boot reads. One try."""
    disk = Disk(box.disk)
    disk.put_on_trial(tries=1)
    disk.flip_bit("root-b", 1024)
    box.start()
    box.wait_until(lambda: not box.runs(), BOOT, "end")
    assert READY not in box.said()
    assert "corrupted" in box.said() or "cannot start" in box.said(), box.told()
    assert disk.environment() == {"slot": "a", "trial": "b", "tries": "0"}


def test_power_cuts_lose_nothing_and_the_slot_in_charge_boots(box: Box, cloud: Cloud, life: dict[str, str]) -> None:
    """After cuts and a failed trial: the tunnels come up, and everything that was kept is there."""
    box.start(uefi=True)
    box.wait_for(READY, BOOT)
    box.do("systemctl disable --now writer")
    assert "appliance.slot=a" in box.do("cat /proc/cmdline")
    intent, text = box.do("cat /root/intent.yaml"), box.do(f"cat {INTENT}")
    assert re.fullmatch(re.escape(intent) + r"(# \d+\n)+", text), text[-200:]
    assert kept(box) == life
    assert box.do("systemctl show -P ActiveState cloud-init-main").strip() == "inactive", "it was asked again"
    assert cloud.seen_in_clear() == []


def test_an_intent_that_cannot_be_read_is_no_reason_to_stop(box: Box, cloud: Cloud) -> None:
    """What was applied last is in force, at the next boot too, and the status says what is wrong."""
    box.do("printf 'version: [\\0' > /etc/appliance/intent.yaml; systemctl restart appliance")
    box.wait_until(lambda: "running" in box.ssh("systemctl is-active appliance && echo running").stdout, 60, "daemon")
    status = json.loads(box.do("appliance status --json"))
    assert status["revision"] == 1
    assert any("intent.yaml" in warning for warning in status["warnings"]), status["warnings"]
    assert cloud.ask("lan", "ping -c 3 -i 0.3 -W 3 10.1.0.4") == 0


def test_nothing_goes_out_in_clear_when_it_is_switched_off(box: Box, cloud: Cloud) -> None:
    box.ssh("systemctl poweroff")
    box.wait_until(lambda: not box.runs(), 120, "end")
    assert cloud.seen_in_clear() == []


def test_another_machine_gets_a_whole_intent_with_an_embedded_speaker(image: Path, cloud: Cloud, folder: Path) -> None:
    """From a config drive: READY on the console, packets through the tunnels, ExaBGP as somebody without rights."""
    box = Box(folder / "box", image, cloud.cards())
    try:
        box.drive(user_data_with_intent(box, folder / "site"))
        box.start()
        box.wait_for(READY, BOOT)
        box.wait_until(lambda: cloud.ask("lan", "ping -c 1 -W 2 10.1.0.4") == 0, 60, "way through a tunnel")
        assert "appliance-bgp" in box.do("ps -eo user:20,args | grep '[e]xabgp'")
        assert json.loads(box.do("appliance status --json"))["healthy"] is True
        assert box.do("systemctl list-units --failed --plain --no-legend").strip() == ""
        assert box.do("cat /run/cloud-init/cloud-id; hostname").split() == ["configdrive", "box"]
    finally:
        box.remove()


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
    secrets = box.do("sha256sum /etc/appliance/secrets/* /etc/appliance/documents/* /var/lib/appliance/revisions/*")
    return {"revision": str(status["revision"]), "machine": machine, "secrets": secrets}
