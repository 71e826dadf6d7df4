"""A connection to what Alibaba Cloud's API, or Terraform, would give for it: their layout, our values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.writers import reveal

CIPHERS = {"aes128": "aes", "aes192": "aes192", "aes256": "aes256", "des": "des", "3des": "3des"}
GROUPS = {"modp768": "group1", "modp1024": "group2", "modp1536": "group5", "modp2048": "group14"}


def _ike(tunnel: ReadTunnel, ours: str, theirs: str) -> dict[str, Any]:
    cipher, digest, group = tunnel.ike.proposals[0].split("-")
    return {
        "IkeAuthAlg": digest,
        "IkeEncAlg": CIPHERS[cipher],
        "IkeLifetime": tunnel.ike.lifetime,
        "IkeMode": "main",
        "IkePfs": GROUPS[group],
        "IkeVersion": f"ikev{tunnel.ike.version}",
        f"{theirs}Id": tunnel.remote_id,
        "Psk": reveal(tunnel.psk),
        f"{ours}Id": tunnel.local_id,
    }


def _esp(tunnel: ReadTunnel) -> dict[str, Any]:
    cipher, digest, *groups = tunnel.esp.proposals[0].split("-")
    return {
        "IpsecAuthAlg": digest,
        "IpsecEncAlg": CIPHERS[cipher],
        "IpsecLifetime": tunnel.esp.lifetime,
        "IpsecPfs": GROUPS[groups[0]] if groups else "disabled",
    }


def _bgp(tunnel: ReadTunnel, connection: ReadConnection, ours: str, theirs: str) -> dict[str, Any]:
    assert tunnel.inside is not None
    return {
        f"{theirs}Asn": str(connection.peer_asn),
        f"{theirs}BgpIp": str(tunnel.peer_inside),
        f"{ours}Asn": asdot(connection.asn or 0),
        f"{ours}BgpIp": str(tunnel.inside.ip),
        "TunnelCidr": str(tunnel.inside.network),
    }


def asdot(asn: int) -> str:
    """Large numbers as two small ones (RFC 5396)."""
    return f"{asn >> 16}.{asn & 0xFFFF}" if asn >> 16 else str(asn)


def _subnets(networks: tuple[Any, ...]) -> str:
    return ",".join(map(str, networks)) or "0.0.0.0/0"


def described(connection: ReadConnection) -> dict[str, Any]:
    """DescribeVpnConnection's answer."""
    gateway = "VpnGatewayId" if str(connection.cloud_gateway).startswith("vpn") else "TransitRouterId"
    data = {
        "VpnConnectionId": connection.id,
        "Name": "nametest",
        "CreateTime": 1492753817000,
        gateway: connection.cloud_gateway,
        "LocalSubnet": _subnets(connection.networks),
        "RemoteSubnet": _subnets(connection.local_networks),
        "EffectImmediately": False,
        "State": "active",
        "Status": "ipsec_sa_established",
        "VcoHealthCheck": {"Enable": "false"},
        "RequestId": "0FA4E000-0000-0000-0000-000000000001",
    }
    if len(connection.tunnels) == 2:
        return data | {
            "EnableTunnelsBgp": connection.mode == "bgp",
            "TunnelOptionsSpecification": {
                "TunnelOptions": [
                    _described(tunnel, connection, turn) for turn, tunnel in enumerate(connection.tunnels)
                ]
            },
        }
    (tunnel,) = connection.tunnels
    bgp = _bgp(tunnel, connection, "Peer", "Local") if connection.mode == "bgp" else {}
    return data | {
        "CustomerGatewayId": connection.customer_gateway,
        "InternetIp": str(tunnel.remote),
        "EnableDpd": True,
        "EnableNatTraversal": tunnel.nat_t,
        "IkeConfig": _ike(tunnel, "Remote", "Local"),
        "IpsecConfig": _esp(tunnel),
        "VpnBgpConfig": {"EnableBgp": str(connection.mode == "bgp").lower(), **bgp},
    }


def _described(tunnel: ReadTunnel, connection: ReadConnection, turn: int) -> dict[str, Any]:
    bgp = {"TunnelBgpConfig": _bgp(tunnel, connection, "Peer", "Local")} if connection.mode == "bgp" else {}
    return {
        "TunnelId": f"tun-bp1000000000000000{turn}",
        "TunnelIndex": turn + 1,
        "Role": tunnel.role,
        "InternetIp": str(tunnel.remote),
        "CustomerGatewayId": connection.customer_gateway,
        "ZoneNo": "cn-hangzhou-h",
        "State": "active",
        "EnableDpd": "true",
        "EnableNatTraversal": str(tunnel.nat_t).lower(),
        "TunnelIkeConfig": {key: _as_text(value) for key, value in _ike(tunnel, "Remote", "Local").items()},
        "TunnelIpsecConfig": {key: _as_text(value) for key, value in _esp(tunnel).items()},
        **bgp,
    }


def _as_text(value: Any) -> Any:
    """Within tunnels the API writes numbers as text."""
    return str(value) if isinstance(value, int) else value


def downloadable(connection: ReadConnection) -> dict[str, Any]:
    """DownloadVpnConnectionConfig's answer. Its BGP blocks are written as the cloud or as the customer would say them,
    by turns: which of the two it is must not matter."""
    data: dict[str, Any] = {
        "LocalSubnet": _subnets(connection.local_networks),
        "RemoteSubnet": _subnets(connection.networks),
    }
    sides = ("Local", "Peer") if (connection.asn or 0) % 2 else ("Peer", "Local")
    if connection.mode == "bgp":
        blocks = [
            {"TunnelId": f"tun-bp{turn}", **_bgp(tunnel, connection, *sides)}
            for turn, tunnel in enumerate(connection.tunnels)
        ]
        data["BgpConfigs"] = {"BgpConfig": blocks[::-1]}
    tunnels = [
        {
            "TunnelId": f"tun-bp{turn}",
            "Local": str(tunnel.public),
            "Remote": str(tunnel.remote),
            "IkeConfig": _ike(tunnel, "Local", "Remote"),
            "IpsecConfig": _esp(tunnel),
        }
        for turn, tunnel in enumerate(connection.tunnels)
    ]
    data |= {"TunnelsConfig": {"TunnelConfig": tunnels}} if len(tunnels) == 2 else tunnels[0]
    return {"RequestId": "0FA4E000-0000-0000-0000-000000000002", "VpnConnectionConfig": data}


def several(*connections: ReadConnection) -> dict[str, Any]:
    """DescribeVpnConnections' answer."""
    found = [described(connection) for connection in connections]
    return {"PageNumber": 1, "TotalCount": len(found), "VpnConnections": {"VpnConnection": found}}


def as_json(data: Mapping[str, Any]) -> str:
    """As the CLI prints it."""
    return json.dumps(data, indent=1) + "\n"


def as_xml(data: Mapping[str, Any], root: str) -> str:
    """As the API gives it when XML is asked for: items of a list follow each other under one name."""
    lines = _elements({root: data})
    return "\n".join(['<?xml version="1.0" encoding="UTF-8" ?>', *lines, ""])


def _elements(data: Mapping[str, Any], depth: int = 0) -> list[str]:
    lines = []
    for key, value in data.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                lines += [f"{' ' * depth}<{key}>", *_elements(item, depth + 1), f"{' ' * depth}</{key}>"]
            else:
                text = str(item).lower() if isinstance(item, bool) else str(item)
                lines.append(f"{' ' * depth}<{key}>{escape(text)}</{key}>")
    return lines


def described_json(connection: ReadConnection) -> str:
    """A description as JSON."""
    return as_json(described(connection))


def described_xml(connection: ReadConnection) -> str:
    """A description as XML."""
    return as_xml(described(connection), "DescribeVpnConnectionResponse")


def download_json(connection: ReadConnection) -> str:
    """The download as JSON."""
    return as_json(downloadable(connection))


def download_xml(connection: ReadConnection) -> str:
    """The download as XML."""
    return as_xml(downloadable(connection), "DownloadVpnConnectionConfigResponse")


def snake(name: str) -> str:
    """A name of the API as Terraform spells it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _attributes(value: Any) -> Any:
    """The API's blocks as Terraform's provider keeps them: small names, each block in a list."""
    if isinstance(value, Mapping):
        return {snake(key): _attributes([item] if isinstance(item, Mapping) else item) for key, item in value.items()}
    return [_attributes(item) for item in value] if isinstance(value, list) else value


def _terraformed(connection: ReadConnection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The attributes of the connection and of its customer gateways; each tunnel has one here."""
    data = described(connection)
    tunnels = data.pop("TunnelOptionsSpecification", {"TunnelOptions": []})["TunnelOptions"]
    values = _attributes({key: item for key, item in data.items() if key not in ("VpnConnectionId", "RequestId")})
    values |= {"id": connection.id, "name": "nametest", "local_subnet": _subnets(connection.networks).split(",")}
    values |= {"remote_subnet": _subnets(connection.local_networks).split(","), "health_check_config": []}
    values |= {"tunnel_options_specification": _attributes(tunnels), "vco_health_check": []}
    if not tunnels:
        block = values.pop("vpn_bgp_config")[0]
        values["bgp_config"] = [{**block, "enable": block.pop("enable_bgp") == "true"}]
    customers = []
    for turn, tunnel in enumerate(connection.tunnels):
        name = f"{connection.customer_gateway}{turn}" if tunnels else str(connection.customer_gateway)
        (values["tunnel_options_specification"][turn] if tunnels else values)["customer_gateway_id"] = name
        customers.append({"id": name, "ip_address": str(tunnel.public), "asn": str(connection.asn or "")})
    return values, customers


def terraform_state(connection: ReadConnection) -> str:
    """``terraform state pull``."""
    values, customers = _terraformed(connection)
    kind = "alicloud_vpn_connection" if len(connection.tunnels) == 1 else "alicloud_vpn_gateway_vpn_attachment"
    found = [{"mode": "managed", "type": kind, "name": "main", "instances": [{"attributes": values}]}]
    found += [
        {
            "mode": "managed",
            "type": "alicloud_vpn_customer_gateway",
            "name": "ours",
            "instances": [{"attributes": each}],
        }
        for each in customers
    ]
    return as_json({"version": 4, "terraform_version": "1.9.8", "resources": found})


def terraform_shown(connection: ReadConnection) -> str:
    """``terraform show -json``."""
    values, customers = _terraformed(connection)
    found = [{"address": "alicloud_vpn_connection.main", "type": "alicloud_vpn_connection", "values": values}]
    found += [{"address": "x", "type": "alicloud_vpn_customer_gateway", "values": each} for each in customers]
    return as_json({"format_version": "1.0", "values": {"root_module": {"resources": found}}})
