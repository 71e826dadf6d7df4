"""The far side of a machine under test: the lab guest with a cloud in it, two of its cards towards the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

from appliance.lab.topology import parse_topology
from appliance.lab.vm import InGuest

REPO = Path(__file__).resolve().parent.parent.parent
TOPOLOGY = Path(__file__).with_name("cloud.clab.yml")
NAME = "image-cloud"
NODES = f"/run/appliance-lab/{NAME}/nodes"


class Cloud:
    """One guest for all tests of a session; ``folder`` holds its sockets and its state."""

    def __init__(self, folder: Path) -> None:
        self._place = InGuest(REPO, print, folder / "failures")
        self.guest = self._place.guest
        self.guest.state = folder / "guest"
        self.folder = folder
        self._asked: subprocess.Popen[bytes] | None = None
        self.guest.extra = tuple(word for name in ("wan", "lan") for word in self._card(name))

    def cards(self) -> tuple[str, ...]:
        """The image's ends of the two wires, as QEMU's words."""
        return tuple(self._wire(name, "box", "cloud") for name in ("wan", "lan"))

    def start(self) -> None:
        """Boot it, deploy the cloud, and plug the two cards in."""
        self.guest.start()
        # A guest that nobody asks anything for long ends by itself; this one waits for fifty power cuts of another.
        self._asked = self.guest.spawn("exec cat", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for card, name in (("eth1", "towan"), ("eth2", "tolan")):  # eth1 and eth2 are names that nodes' links take
            self.guest.do(f"until ip link set {card} name {name} 2>/dev/null; do sleep 0.1; done")
        self._place.up(parse_topology(TOPOLOGY.read_text(), str(TOPOLOGY)), TOPOLOGY)
        self._plug("towan", "internet", "203.0.113.1/28")
        self._plug("tolan", "lan", "172.16.20.10/24")
        self.do("lan", "ip route replace default via 172.16.20.1")

    def stop(self) -> None:
        self.guest.stop()
        if self._asked is not None:
            self._asked.kill()
            self._asked.wait()

    def do(self, node: str, script: str) -> str:
        """Run a shell text in a node; what it printed."""
        return self.guest.do(f"{NODES}/{node}/enter sh -c {_quoted(script)}").decode()

    def ask(self, node: str, script: str) -> int:
        """Its exit code."""
        return self.guest.ask(f"{NODES}/{node}/enter sh -c {_quoted(script)}").code

    def watch(self) -> None:
        """Begin to note every packet on the Internet with an inside address, while the LAN sends all the time."""
        self.do("lan", "nohup ping -i 0.2 10.1.0.4 >/dev/null 2>&1 &")
        self.do(
            "internet",
            "nohup tcpdump -i towan -n -l -U net 10.0.0.0/8 or net 172.16.0.0/12 >/tmp/clear 2>/tmp/watching & "
            "until grep -q listening /tmp/watching; do sleep 0.1; done",
        )

    def seen_in_clear(self) -> list[str]:
        """The packets noted so far; the capture itself must still run, or it proves nothing."""
        assert self.ask("internet", "pgrep -x tcpdump") == 0, "the capture has ended"
        return self.do("internet", "cat /tmp/clear").splitlines()

    def _plug(self, card: str, node: str, address: str) -> None:
        self.guest.do(
            f"ip link set {card} netns $(cat {NODES}/{node}/pid) && "
            f"{NODES}/{node}/enter sh -c {_quoted(f'ip link set {card} up; ip address add {address} dev {card}')}"
        )

    def _card(self, name: str) -> tuple[str, ...]:
        wire = self._wire(name, "cloud", "box").replace("dgram,", f"dgram,id={name},", 1)
        return ("-netdev", wire, "-device", f"virtio-net-pci,netdev={name},romfile=")

    def _wire(self, name: str, here: str, there: str) -> str:
        ends = (("local", here), ("remote", there))
        return "dgram," + ",".join(f"{end}.type=unix,{end}.path={self.folder / f'{name}-{who}'}" for end, who in ends)


def _quoted(script: str) -> str:
    return "'" + script.replace("'", "'\\''") + "'"
