"""``appliance configure`` ends with what is left to do on the cloud's side."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.calling import Run
from tests.fakes.box import Box
from tests.vendors.aws.test_description import CONNECTION
from tests.vendors.aws.writers import described_json
from tests.vendors.samples import ID

NAMED = ("--name", "vpc", "--lan", "172.16.20.0/24", "--yes")


def described(folder: Path) -> Path:
    """The API's description of a connection for which nothing was set: weak, and AWS accepts better."""
    path = folder / "vpn.json"
    path.write_text(described_json(CONNECTION))
    return path


def test_programs_get_a_list(box: Box, run: Run, tmp_path: Path) -> None:
    done = run("configure", "--bgp", "--from", described(tmp_path), *NAMED, "--json")
    assert done.code == 0, done.err
    todo = done.json["todo"]
    assert all(list(task) == ["cloud", "why", "command"] and task["cloud"] == "aws" for task in todo)
    strengthening = [task for task in todo if "modify-vpn-tunnel-options" in (task["command"] or "")]
    assert all(
        str(tunnel.remote) in task["command"] for tunnel, task in zip(CONNECTION.tunnels, strengthening, strict=True)
    )
    assert "vpc-1" in strengthening[0]["why"]
    assert f"--gateway-id {CONNECTION.cloud_gateway}" in todo[0]["command"]


def test_people_read_it_after_the_status(box: Box, run: Run, tmp_path: Path) -> None:
    done = run("configure", "--bgp", "--from", described(tmp_path), *NAMED)
    assert done.code == 0, done.err
    listed = done.err[done.err.index("To do on the cloud's side") :]
    assert f"aws ec2 modify-vpn-tunnel-options --vpn-connection-id {ID}" in listed
    assert "aws ec2" not in done.out


def test_a_dry_run_lists_it_too(box: Box, run: Run, tmp_path: Path) -> None:
    wish = ("configure", "--bgp", "--from", described(tmp_path), *NAMED, "--dry-run")
    assert any("enable-vgw-route-propagation" in (task["command"] or "") for task in run(*wish, "--json").json["todo"])
    assert "enable-vgw-route-propagation" in run(*wish).err


def test_recommended_algorithms_here_leave_aws_to_be_narrowed(box: Box, run: Run, tmp_path: Path) -> None:
    wish = ("configure", "--bgp", "--from", described(tmp_path), *NAMED, "--crypto", "recommended", "--dry-run")
    todo = run(*wish, "--json").json["todo"]
    assert sum("still accepts weak algorithms" in task["why"] for task in todo) == len(CONNECTION.tunnels)


def test_no_key_is_shown(box: Box, run: Run, tmp_path: Path) -> None:
    done = run("configure", "--bgp", "--from", described(tmp_path), *NAMED, "--json")
    shown = json.dumps(done.json) + done.err
    assert not any(tunnel.psk.reveal() in shown for tunnel in CONNECTION.tunnels if tunnel.psk)
