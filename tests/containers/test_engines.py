"""The container image as it is shipped, run by podman and by Docker: one supervisor inside, a health check, ready when
`status` says so. With podman it speaks by FRR, with Docker by ExaBGP.

A container goes through its life in the order of these tests; what a test needs is what the one before it left.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.containers.engine import PROGRAMS, ROOT, Engines
from tests.image.cloud import NODES
from tests.image.conftest import DOCUMENT, FLAGS

pytestmark = pytest.mark.image

NAME = "gw"
CABLES = {"wan": ("internet", "203.0.113.1/28", "203.0.113.10/28"), "lan": ("lan", "172.16.20.10/24", "172.16.20.1/24")}
"""Card -> the node at its other end, that node's address and the container's."""
VOLUMES = "-v gw:/etc/appliance -v gw-state:/var/lib/appliance"
PING = "ping -c 3 -i 0.3 -W 3 10.1.0.4"


@dataclass(frozen=True)
class Engine:
    """One of them. ``told``: words of its own for `run`."""

    program: str
    speaker: str
    told: str
    engines: Engines

    def do(self, words: str) -> str:
        """The engine's words, as a shell takes them; what it printed."""
        return self.engines.do(f"{self.program} {words}")

    def ask(self, words: str) -> int:
        """Their exit code."""
        return self.engines.guest.ask(f"{PROGRAMS}/{self.program} {words}").code

    def inside(self, script: str) -> str:
        """Run a shell text in the container."""
        return self.do(f"exec {NAME} sh -c {shlex.quote(script)}")

    def node(self, name: str, script: str) -> int:
        """The exit code of a shell text in a node of the cloud."""
        return self.engines.guest.ask(f"{NODES}/{name}/enter sh -c {shlex.quote(script)}").code

    def run(self) -> None:
        """A new container of the image, with what the last one left in its volumes, and its two cables."""
        self.do(f"run -d --name {NAME} --privileged --network none {VOLUMES} {self.told} appliance:latest")
        pid = self.do(f"inspect -f '{{{{.State.Pid}}}}' {NAME}").strip()
        for card, (node, theirs, ours) in CABLES.items():
            there = f"{NODES}/{node}/enter sh -c"
            self.engines.do(
                f"ip link add c-{card} type veth peer name {card} && ip link set {card} netns {pid} && "
                f"ip link set c-{card} netns $(cat {NODES}/{node}/pid) && "
                f"{there} 'ip link set c-{card} up; ip address add {theirs} dev c-{card}'"
            )
            self.inside(f"ip link set {card} up; ip address add {ours} dev {card}")
        self.inside("ip route replace default via 203.0.113.1")
        assert self.node("lan", "ip route replace default via 172.16.20.1") == 0

    def is_healthy(self) -> bool:
        """By the image's own check: Docker makes it all the time, podman's timers are systemd's."""
        if self.program == "docker":
            return self.do(f"inspect -f '{{{{.State.Health.Status}}}}' {NAME}").strip() == "healthy"
        return self.ask(f"healthcheck run {NAME}") == 0

    def running(self) -> set[str]:
        """The numbers of charon's and the daemon's process."""
        return set(self.inside("pgrep -x charon-systemd; pgrep -f '[a]ppliance run'; true").split())


@pytest.fixture(scope="module")
def cloud(engines: Engines) -> Engines:
    engines.deploy_cloud()
    return engines


@pytest.fixture(scope="module", params=["podman", "docker"])
def engine(request: pytest.FixtureRequest, cloud: Engines) -> Iterator[Engine]:
    podman = Engine("podman", "frr", "--health-interval=disable", cloud)
    engine = podman if request.param == "podman" else Engine("docker", "exabgp", "", cloud)
    yield engine
    engine.ask(f"rm -f {NAME}")


def test_the_archive_is_loaded(engine: Engine) -> None:
    """The image has its name and its entry point; the health check too, which OCI's own form of an image has none of:
    podman reads it by the list that Docker reads."""
    archive = engine.engines.disk("appliance")
    assert "appliance:latest" in engine.do(f"load -q < {archive}")
    if engine.program == "podman":
        engine.do(f"pull -q docker-archive:{archive}")
    (told,) = json.loads(engine.do("image inspect appliance:latest"))
    assert told["Config"]["Entrypoint"] == ["/usr/lib/appliance-entrypoint"]
    check = (told if engine.program == "podman" else told["Config"])["Healthcheck"]
    assert check["Test"] == ["CMD", "appliance", "status", "--check"]


def test_a_container_that_is_told_its_document_carries(engine: Engine) -> None:
    """Not ready before, ready when both tunnels are up; nothing but the entry point starts anything."""
    engine.run()
    assert not engine.is_healthy()
    engine.engines.guest.do(f"cat > {ROOT}/tmp/document", DOCUMENT.read_bytes())
    engine.do(f"cp /tmp/document {NAME}:/tmp/document")
    words = ("--yes", "--from", "/tmp/document", *FLAGS, "--speaker", engine.speaker)
    engine.inside(f"appliance configure {shlex.join(words)} --uplink isp1=wan,gateway=203.0.113.1 --wait 180s")
    assert engine.node("lan", PING) == 0
    wait_until(engine.is_healthy, 60, "good health")


def test_what_dies_in_it_is_started_again(engine: Engine) -> None:
    """The daemon and charon killed: the container stays, and both tunnels come back."""
    before = engine.running()
    engine.inside("pkill -9 -x charon-systemd; pkill -9 -f '[a]ppliance run'")
    wait_until(lambda: len(engine.running() - before) == 2, 60, "new charon and daemon")
    wait_until(lambda: engine.node("lan", PING) == 0 and engine.is_healthy(), 180, "good health")


def test_it_ends_when_it_is_told_to(engine: Engine) -> None:
    begun = time.monotonic()
    engine.do(f"stop -t 60 {NAME}")
    assert time.monotonic() - begun < 50
    assert engine.do(f"inspect -f '{{{{.State.ExitCode}}}}' {NAME}").strip() == "0"


def test_another_container_takes_over_what_it_left(engine: Engine) -> None:
    """Nobody configures it: intent and keys are in a volume, and its cables come after its start."""
    engine.do(f"rm {NAME}")
    engine.run()
    wait_until(lambda: engine.node("lan", PING) == 0, 180, "way through a tunnel")
    wait_until(engine.is_healthy, 60, "good health")


def wait_until(predicate: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, f"no {what} within {seconds:.0f} s"
        time.sleep(1)
