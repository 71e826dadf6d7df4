"""A new key for one tunnel, as each cloud takes it: the command never holds it."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from appliance.profiles import PROFILES
from appliance.todo.keys import key_task
from appliance.vendors.intent_of import connection_of
from tests.vendors.samples import DYNAMIC

FILE = "/etc/appliance/secrets/vpc 1.psk"
WITHOUT = ("gcp", "generic")
"""Where no command changes a key."""


@pytest.mark.parametrize("cloud", PROFILES)
def test_the_key_comes_from_its_file(cloud: str) -> None:
    connection = connection_of(replace(DYNAMIC, cloud=cloud), mode="bgp")
    tunnel = connection.tunnels[0]
    task = key_task(connection, tunnel, FILE)
    assert FILE in task.why
    if cloud in WITHOUT:
        assert task.command is None
        assert str(tunnel.remote) in task.why
        return
    assert task.command is not None
    assert f'"$(cat {shlex.quote(FILE)})"' in task.command
    assert shlex.split(task.command)[0] in ("aws", "az", "aliyun", "oci")


def test_aws_is_told_which_tunnel() -> None:
    connection = connection_of(DYNAMIC, mode="bgp")
    for tunnel in connection.tunnels:
        words = shlex.split(str(key_task(connection, tunnel, "/k").command))
        assert words[words.index("--vpn-tunnel-outside-ip-address") + 1] == str(tunnel.remote)
        assert words[words.index("--vpn-connection-id") + 1] == connection.id
        assert words[-1] == "PreSharedKey=$(cat /k)"
