"""A connection to what gcloud, or Terraform, would say of it: the layout is theirs, every value ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from appliance.model.document import ReadConnection, ReadTunnel
from appliance.vendors.keywords import is_aead
from tests.vendors.writers import GROUP_NUMBERS, reveal

BASE = "https://www.googleapis.com/compute/v1/projects/fake-project"
REGION = f"{BASE}/regions/us-central1"
HMAC = {"sha1": "HMAC-SHA1-96", "sha256": "HMAC-SHA2-256-128", "sha384": "HMAC-SHA2-384-192",
        "sha512": "HMAC-SHA2-512-256", "aesxcbc": "AES-XCBC-96", "aescmac": "AES-CMAC-96"}  # fmt: skip
PRF = {"sha1": "PRF-HMAC-SHA1", "sha256": "PRF-HMAC-SHA2-256", "sha384": "PRF-HMAC-SHA2-384",
       "sha512": "PRF-HMAC-SHA2-512", "aesxcbc": "PRF-AES128-XCBC", "aescmac": "PRF-AES128-CMAC"}  # fmt: skip


def _cipher(word: str) -> str:
    if is_aead(word):
        return f"AES-GCM-16-{word[3:6]}"
    return "3DES-CBC" if word == "3des" else f"AES-CBC-{word[3:]}"


def _group(word: str) -> str:
    return f"Group-{31 if word == 'x25519' else GROUP_NUMBERS[word]}"


def _suite(tunnel: ReadTunnel) -> dict[str, Any]:
    cipher, *middle, group = tunnel.ike.proposals[0].split("-")
    hashes = [word for word in middle if not word.startswith("prf")]
    prfs = [word.removeprefix("prf") for word in middle if word.startswith("prf")] or hashes
    esp, *digest, pfs = tunnel.esp.proposals[0].split("-")
    return {
        "phase1": {
            "encryption": [_cipher(cipher)],
            "integrity": [HMAC[word] for word in hashes],
            "prf": [PRF[word] for word in prfs],
            "dh": [_group(group)],
        },
        "phase2": {"encryption": [_cipher(esp)], "integrity": [HMAC[word] for word in digest], "pfs": [_group(pfs)]},
    }


def resources(connection: ReadConnection) -> list[dict[str, Any]]:
    """The tunnels, both gateways and the router, each as ``describe`` has it."""
    theirs, ours = connection.cloud_gateway, connection.customer_gateway
    outside = [{"id": turn, "ipAddress": str(tunnel.remote)} for turn, tunnel in enumerate(connection.tunnels)]
    external = [{"id": turn, "ipAddress": str(tunnel.public)} for turn, tunnel in enumerate(connection.tunnels)]
    return [
        *(_tunnel(tunnel, connection, turn) for turn, tunnel in enumerate(connection.tunnels)),
        {"id": "1001", "kind": "compute#vpnGateway", "name": theirs, "stackType": "IPV4_ONLY",
         "selfLink": f"{REGION}/vpnGateways/{theirs}", "vpnInterfaces": outside},
        {"id": "1002", "kind": "compute#externalVpnGateway", "name": ours, "redundancyType": "TWO_IPS_REDUNDANCY",
         "interfaces": external},
        router(connection),
    ]  # fmt: skip


def _tunnel(tunnel: ReadTunnel, connection: ReadConnection, turn: int) -> dict[str, Any]:
    name = f"tunnel-{turn}"
    return {
        "creationTimestamp": "2026-01-01T00:00:00.000-08:00",
        "detailedStatus": "Tunnel is up and running.",
        "id": f"200{turn}",
        "ikeVersion": tunnel.ike.version,
        "kind": "compute#vpnTunnel",
        "localTrafficSelector": ["0.0.0.0/0"],
        "name": name,
        "peerExternalGateway": f"{BASE}/global/externalVpnGateways/{connection.customer_gateway}",
        "peerExternalGatewayInterface": turn,
        "peerIp": str(tunnel.public),
        "remoteTrafficSelector": ["0.0.0.0/0"],
        "router": f"{REGION}/routers/fake-router",
        "selfLink": f"{REGION}/vpnTunnels/{name}",
        "sharedSecret": "*************",
        "sharedSecretHash": "FakeHash",
        "status": "ESTABLISHED",
        "vpnGateway": f"{REGION}/vpnGateways/{connection.cloud_gateway}",
        "vpnGatewayInterface": turn,
        **({"cipherSuite": _suite(tunnel)} if tunnel.ike.proposals else {}),
    }


def router(connection: ReadConnection) -> dict[str, Any]:
    """``gcloud compute routers describe``."""
    interval = {"keepaliveInterval": connection.hold_time // 3} if connection.hold_time else {}
    return {
        "bgp": {"advertiseMode": "DEFAULT", "asn": connection.peer_asn, **interval},
        "bgpPeers": [
            {
                "bfd": {"sessionInitializationMode": "DISABLED"},
                "enable": "TRUE",
                "interfaceName": f"if-{turn}",
                "ipAddress": str(tunnel.peer_inside),
                "name": f"bgp-{turn}",
                "peerAsn": connection.asn,
                "peerIpAddress": str(tunnel.inside.ip) if tunnel.inside else None,
            }
            for turn, tunnel in enumerate(connection.tunnels)
        ],
        "id": "1003",
        "interfaces": [
            {
                "ipRange": f"{tunnel.peer_inside}/30",
                "linkedVpnTunnel": f"{REGION}/vpnTunnels/tunnel-{turn}",
                "name": f"if-{turn}",
            }
            for turn, tunnel in enumerate(connection.tunnels)
        ],
        "kind": "compute#router",
        "name": "fake-router",
    }


def status(connection: ReadConnection) -> dict[str, Any]:
    """``gcloud compute routers get-status``."""
    sessions = [
        {
            "ipAddress": str(tunnel.peer_inside),
            "linkedVpnTunnel": f"{REGION}/vpnTunnels/tunnel-{turn}",
            "md5AuthEnabled": False,
            "name": f"bgp-{turn}",
            "peerIpAddress": str(tunnel.inside.ip) if tunnel.inside else None,
            "state": "Established",
        }
        for turn, tunnel in enumerate(connection.tunnels)
    ]
    return {"kind": "compute#routerStatusResponse", "result": {"bgpPeerStatus": sessions, "network": "fake"}}


def as_json(data: Any) -> str:
    """``--format=json``."""
    return json.dumps(data, indent=1) + "\n"


def in_json(connection: ReadConnection) -> str:
    """Every answer in one list."""
    return as_json(resources(connection))


def in_yaml(connection: ReadConnection) -> str:
    """Every answer, one after the other."""
    return yaml.safe_dump_all(resources(connection), width=1000)


def _attributes(value: Any) -> Any:
    """The API's names and blocks as Terraform's provider keeps them."""
    if isinstance(value, Mapping):
        return {
            re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): _attributes([item] if isinstance(item, Mapping) else item)
            for key, item in value.items()
        }
    return [_attributes(item) for item in value] if isinstance(value, list) else value


def terraform_state(connection: ReadConnection) -> str:
    """``terraform state pull``."""
    found: list[dict[str, Any]] = []

    def add(kind: str, values: dict[str, Any]) -> None:
        instances = [{"attributes": _attributes({k: v for k, v in values.items() if k != "kind"})}]
        found.append({"mode": "managed", "type": f"google_compute_{kind}", "name": "x", "instances": instances})

    *tunnels, gateway, external, owner = resources(connection)
    for node, tunnel in zip(tunnels, connection.tunnels, strict=True):
        add("vpn_tunnel", node | {"id": node["selfLink"], "sharedSecret": reveal(tunnel.psk)})
    add("ha_vpn_gateway", gateway)
    add("external_vpn_gateway", {**external, "interface": external.pop("interfaces")})
    interfaces, peers = owner.pop("interfaces"), owner.pop("bgpPeers")
    add("router", owner)
    for item in interfaces:
        link = item.pop("linkedVpnTunnel").rpartition("/")[2]
        add("router_interface", item | {"id": item["name"], "vpnTunnel": link, "router": "fake-router"})
    for item in peers:
        name = item.pop("interfaceName")
        more = {"id": item["name"], "interface": name, "router": "fake-router", "enable": True, "bfd": []}
        add("router_peer", item | more)
    return as_json({"version": 4, "terraform_version": "1.9.8", "resources": found})
