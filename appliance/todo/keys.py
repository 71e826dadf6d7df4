"""A new pre-shared key for one tunnel, as the cloud's own command line takes it. The key itself comes from a file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from appliance.model.intent import Connection, Tunnel
from appliance.todo.task import Task, shell

KeyTask = Callable[[str, str, str], tuple[str, str | None]]
"""From the connection's id, the tunnel's outside address and the key as the shell gets it, to why and command."""


def key_task(connection: Connection, tunnel: Tunnel, file: str) -> Task:
    """What gives the cloud the key that is in ``file``. Run where the file is, the key shows in no history."""
    compose = _TASKS.get(connection.cloud, _anywhere)
    key = f'"$(cat {shlex.quote(file)})"'
    why, command = compose(connection.id or "CONNECTION-ID", str(tunnel.remote), key)
    return Task(connection.cloud, f"{why} (the key is in {file})", command)


def _anywhere(id: str, remote: str, key: str) -> tuple[str, str | None]:
    return f"give the gateway at {remote} the new key by its own means", None


def _aws(id: str, remote: str, key: str) -> tuple[str, str]:
    """https://docs.aws.amazon.com/cli/latest/reference/ec2/modify-vpn-tunnel-options.html"""
    where = ("--vpn-connection-id", id, "--vpn-tunnel-outside-ip-address", remote)
    command = shell("aws", "ec2", "modify-vpn-tunnel-options", *where, "--tunnel-options")
    return "give AWS the new key; it replaces the tunnel's endpoint, which takes some minutes", (
        f"{command} PreSharedKey={key}"
    )


def _alibaba(id: str, remote: str, key: str) -> tuple[str, str]:
    """https://www.alibabacloud.com/help/en/vpn/sub-product-ipsec-vpn (ModifyTunnelAttribute)"""
    command = shell("aliyun", "vpc", "ModifyTunnelAttribute", "--VpnConnectionId", id, "--TunnelId", f"TUNNEL-{remote}")
    return "give Alibaba Cloud the new key", f"{command} --TunnelOptionsSpecification.TunnelIkeConfig.Psk {key}"


def _azure(id: str, remote: str, key: str) -> tuple[str, str]:
    """https://learn.microsoft.com/cli/azure/network/vpn-connection/shared-key"""
    words = ("--resource-group", "RESOURCE-GROUP", "--connection-name", id.rsplit("/", 1)[-1])
    command = shell("az", "network", "vpn-connection", "shared-key", "update", *words)
    why = "give Azure the new key; it counts for every tunnel of this connection: rotate the others at the same time"
    return why, f"{command} --value {key}"


def _google(id: str, remote: str, key: str) -> tuple[str, str | None]:
    """https://cloud.google.com/network-connectivity/docs/vpn/how-to/ (a tunnel's secret cannot be changed)"""
    why = f"Google changes no key: delete the tunnel to {remote} and make it anew, as it was, with the new key"
    return why, None


def _oracle(id: str, remote: str, key: str) -> tuple[str, str]:
    """https://docs.oracle.com/iaas/tools/oci-cli/latest/oci_cli_docs/cmdref/network/ip-sec-psk/update.html"""
    command = shell("oci", "network", "ip-sec-psk", "update", "--ipsc-id", id, "--tunnel-id", f"TUNNEL-{remote}")
    return "give Oracle Cloud the new key", f"{command} --shared-secret {key}"


_TASKS: Mapping[str, KeyTask] = {
    "aws": _aws,
    "alibaba": _alibaba,
    "azure": _azure,
    "gcp": _google,
    "oci": _oracle,
}
