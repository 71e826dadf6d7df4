"""Where a running lab keeps its state on the machine it runs on, and the small texts that lie there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path("/run/appliance-lab")
GUEST_FILES = Path("/var/lib/appliance-lab")
"""Where the guest keeps what the host sent for each lab."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class LabState:
    """A deployed lab as its state folder tells it: node -> what runs there."""

    name: str
    file: str
    nodes: Mapping[str, Mapping[str, Any]]
    links: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "file": self.file,
            "nodes": list(self.nodes.values()),
            "links": [list(link) for link in self.links],
        }


def lab_folder(lab: str) -> Path:
    return ROOT / lab


def node_folder(lab: str, node: str) -> Path:
    """Nodes lie in a folder of their own, so that no name collides with the lab's files."""
    return ROOT / lab / "nodes" / node


def enter_script(pid: int, env: Mapping[str, str]) -> str:
    """A program, one per node, that runs its arguments in that node: whoever may enter namespaces may call it."""
    pairs = " ".join(shlex.quote(f"{key}={value}") for key, value in env.items())
    return (
        "#!/bin/sh\n"
        f"exec nsenter --target {pid} --mount --uts --ipc --net --pid -- "
        f'env -i PATH={SEARCH_PATH} HOME=/root TERM="${{TERM:-dumb}}" {pairs} "$@"\n'
    )


def tear_down_script(lab: str) -> str:
    """Shell text that ends everything of a lab, whatever state it is in; exit code 3 when there is no such lab.

    First whoever is deploying it, then its nodes' first processes, with which their namespaces end. A number that the
    kernel has given to another process meanwhile is left alone. Shell, so that it works beside any version of us.
    """
    return f"""folder={shlex.quote(str(lab_folder(lab)))}
[ -d "$folder" ] || exit 3
deployer=$(cat "$folder/runner" 2>/dev/null)
[ -n "$deployer" ] && tr '\\0' ' ' < "/proc/$deployer/cmdline" 2>/dev/null | grep -q lab && kill -KILL "$deployer"
while [ -n "$deployer" ] && grep -q '^State:[[:space:]]*[^Z]' "/proc/$deployer/status" 2>/dev/null; do sleep 0.05; done
firsts=
for file in "$folder"/nodes/*/pid; do
    pid=$(cat "$file" 2>/dev/null)
    grep -q '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null && kill -KILL "$pid" && firsts="$firsts $pid"
done
for pid in $firsts; do
    while grep -q '^State:[[:space:]]*[^Z]' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
done
rm -rf "$folder"
"""


def end_deployers_script(lab: str) -> str:
    """Shell text for the guest: ends the programs that deploy or check this lab for a host that may be gone."""
    files = shlex.quote(f"{GUEST_FILES}/{lab}/files")
    return f'pkill -KILL -f -- "lab (up|run) .*--files-root "{files}"( |$)" && sleep 0.1\n'


def render_state(state: LabState) -> str:
    return json.dumps({"schema": 1, **state.as_json()}, indent=1) + "\n"


def parse_state(text: str) -> LabState:
    """Reads what ``render_state`` wrote."""
    found = json.loads(text)
    nodes = {node["name"]: node for node in found["nodes"]}
    return LabState(found["name"], found["file"], nodes, tuple((a, b) for a, b in found["links"]))
