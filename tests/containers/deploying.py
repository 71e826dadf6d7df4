#!/usr/bin/env python3
"""What containerlab does with a topology of ours, by Docker's command line: where containerlab itself is not to be had.

    deploying.py deploy --topo FILE | inspect --all --format json | destroy --name LAB --cleanup

As its manual says (https://containerlab.dev/manual/): privileged containers that are always restarted, cables put into
those that run already, with an MTU of 9500 where the topology names none, commands without a shell after that, one that
fails being told and no more. A bridge is the machine's own and must be there. Any other word, key or kind is refused,
and so is a node on Docker's network: to the others that would be one more way.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

KEYS = {"kind", "image", "binds", "exec", "env", "network-mode"}
MTU = 9500
SYSCTL = "net.ipv6.conf.all.disable_ipv6=0"
"""What a node of kind linux is given."""


def main() -> None:
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True, dest="verb")
    verbs.add_parser("deploy").add_argument("--topo", type=Path, required=True)
    inspect = verbs.add_parser("inspect")
    inspect.add_argument("--all", action="store_true", required=True)
    inspect.add_argument("--format", choices=["json"], required=True)
    destroy = verbs.add_parser("destroy")
    destroy.add_argument("--name", required=True)
    destroy.add_argument("--cleanup", action="store_true")
    given = parser.parse_args()
    if given.verb == "deploy":
        deploy(given.topo.resolve())
    elif given.verb == "inspect":
        print(json.dumps(inspect_labs()))
    else:
        destroy_lab(given.name)


def deploy(file: Path) -> None:
    """Every node, then every cable, then the nodes' commands."""
    told = yaml.safe_load(file.read_text())
    lab, topology = told["name"], told["topology"]
    refuse_unknown("topology", {*told, *topology}, {"name", "topology", "defaults", "nodes", "links"})
    if lab in inspect_labs():
        sys.exit(f"Error: the lab {lab} is deployed already")
    links = topology.get("links", [])
    nodes = {name: merged(name, topology.get("defaults", {}), own or {}) for name, own in topology["nodes"].items()}
    for name in [name for name, node in nodes.items() if node["kind"] == "bridge"]:
        if not Path(f"/sys/class/net/{name}/bridge").is_dir():
            sys.exit(f"Error: bridge {name} is referenced in the topology but does not exist")
    linux = {name: node for name, node in nodes.items() if node["kind"] == "linux"}
    with ThreadPoolExecutor(4) as several:
        words = [run_words(lab, file, name, node, count_ends(name, links)) for name, node in linux.items()]
        list(several.map(lambda one: say("docker", *one), words))
        pids = {name: say("docker", "inspect", "-f", "{{.State.Pid}}", container(lab, name)).strip() for name in linux}
        for number, link in enumerate(links):
            plug(number, link, pids)
        list(several.map(lambda name: run_commands(lab, name, linux[name].get("exec", [])), linux))


def merged(name: str, defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A node's settings over the defaults: lists grow."""
    node = {**defaults, **own}
    refuse_unknown(name, set(node), KEYS)
    for key in ("binds", "exec"):
        node[key] = [*defaults.get(key, []), *own.get(key, [])]
    if node["kind"] not in ("linux", "bridge"):
        sys.exit(f"Error: {name}: kind {node['kind']} is not known here")
    if node["kind"] == "linux" and node.get("network-mode") != "none":
        sys.exit(f"Error: {name}: would be on Docker's network")
    return node


def refuse_unknown(where: str, found: set[str], known: set[str]) -> None:
    if unknown := found - known:
        sys.exit(f"Error: {where}: {', '.join(sorted(unknown))}")


def run_words(lab: str, file: Path, name: str, node: dict[str, Any], ends: int) -> list[str]:
    """What Docker is told to make a node of."""
    labels = {"containerlab": lab, "clab-node-name": name, "clab-node-kind": "linux", "clab-topo-file": str(file)}
    binds = [bind.split(":", 1) for bind in node["binds"]]
    return [
        *("run", "-d", "--name", container(lab, name), "--hostname", name, "--privileged", "--restart", "always"),
        *("--network", "none", "--sysctl", SYSCTL, "--env", f"CLAB_INTFS={ends}"),
        *(word for key, value in labels.items() for word in ("--label", f"{key}={value}")),
        *(word for key, value in node.get("env", {}).items() for word in ("--env", f"{key}={value}")),
        *(word for source, rest in binds for word in ("-v", f"{(file.parent / source).resolve()}:{rest}")),
        node["image"],
    ]


def count_ends(name: str, links: list[dict[str, Any]]) -> int:
    return sum(end.split(":")[0] == name for link in links for end in link["endpoints"])


def plug(number: int, link: dict[str, Any], pids: dict[str, str]) -> None:
    """A cable between two containers, or a container and a bridge."""
    mtu = str(link.get("mtu", MTU))
    ends = [(f"clab{number}{side}", *end.split(":")) for side, end in zip("ab", link["endpoints"], strict=True)]
    (first, *_), (second, *_) = ends
    say("ip", "link", "add", first, "mtu", mtu, "type", "veth", "peer", "name", second, "mtu", mtu)
    for now, node, name in ends:
        if node in pids:
            say("ip", "link", "set", now, "netns", pids[node])
            say("nsenter", "-n", "-t", pids[node], "ip", "link", "set", now, "name", name, "up")
        else:
            say("ip", "link", "set", now, "name", name, "master", node, "up")


def run_commands(lab: str, name: str, commands: list[str]) -> None:
    for command in commands:
        words = ("docker", "exec", container(lab, name), *shlex.split(command))
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            print(f"{name}: {command!r} ended with {done.returncode}: {done.stdout.strip()}", file=sys.stderr)


def inspect_labs() -> dict[str, list[dict[str, str]]]:
    """Lab -> its containers, as ``inspect`` tells them."""
    labs: dict[str, list[dict[str, str]]] = {}
    ids = say("docker", "ps", "-aq", "--filter", "label=containerlab").split()
    for one in json.loads(say("docker", "inspect", *ids)) if ids else []:
        told = one["Config"]["Labels"]
        labs.setdefault(told["containerlab"], []).append({
            "lab_name": told["containerlab"], "absLabPath": told["clab-topo-file"], "name": one["Name"].lstrip("/"),
            "container_id": one["Id"][:12], "image": one["Config"]["Image"], "kind": told["clab-node-kind"],
            "state": one["State"]["Status"],
        })  # fmt: skip
    return labs


def destroy_lab(lab: str) -> None:
    """The containers of a lab, and with them their cables."""
    if found := inspect_labs().get(lab):
        say("docker", "rm", "-f", "-v", *(one["name"] for one in found))


def container(lab: str, node: str) -> str:
    return f"clab-{lab}-{node}"


def say(*command: str) -> str:
    """Stdout of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Error: {shlex.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    main()
