"""A connection to what Oracle Cloud, or Terraform, would say of it: the layout is theirs, every value ours."""

from __future__ import annotations

import json
import re
from typing import Any

from appliance.model.document import ReadConnection, ReadTunnel
from appliance.vendors.keywords import is_aead
from tests.vendors.writers import GROUP_NUMBERS, reveal

TRAVERSAL = {None: "AUTO", True: "ENABLED", False: "DISABLED"}
HASHES = {"sha1": "HMAC_SHA1_128", "sha256": "HMAC_SHA2_256_128"}


def _cipher(word: str) -> str:
    return f"AES_{word[3:6]}_{'GCM' if is_aead(word) else 'CBC'}"


def _phases(tunnel: ReadTunnel) -> tuple[dict[str, Any], dict[str, Any]]:
    one: dict[str, Any] = {
        "customAuthenticationAlgorithm": None,
        "customDhGroup": None,
        "customEncryptionAlgorithm": None,
        "isCustomPhaseOneConfig": bool(tunnel.ike.proposals),
        "isIkeEstablished": True,
        "lifetime": tunnel.ike.lifetime,
        "negotiatedDhGroup": "GROUP5",
        "negotiatedEncryptionAlgorithm": "AES_CBC_256",
    }
    two: dict[str, Any] = {
        "customAuthenticationAlgorithm": None,
        "customEncryptionAlgorithm": None,
        "dhGroup": "GROUP5",
        "isCustomPhaseTwoConfig": bool(tunnel.esp.proposals),
        "isEspEstablished": True,
        "isPfsEnabled": True,
        "lifetime": tunnel.esp.lifetime,
        "negotiatedEncryptionAlgorithm": "AES_GCM_16_256",
    }
    if tunnel.ike.proposals:
        cipher, digest, group = tunnel.ike.proposals[0].split("-")
        one["customAuthenticationAlgorithm"] = "SHA1_96" if digest == "sha1" else f"SHA2_{digest[3:]}"
        one |= {"customDhGroup": f"GROUP{GROUP_NUMBERS[group]}", "customEncryptionAlgorithm": _cipher(cipher)}
    if tunnel.esp.proposals:
        cipher, *rest = tunnel.esp.proposals[0].split("-")
        groups = [word for word in rest if word in GROUP_NUMBERS]
        digests = [HASHES[word] for word in rest if word in HASHES]
        two |= {"customEncryptionAlgorithm": _cipher(cipher), "isPfsEnabled": bool(groups)}
        two["customAuthenticationAlgorithm"] = digests[0] if digests else None
        two["dhGroup"] = f"GROUP{GROUP_NUMBERS[groups[0]]}" if groups else None
    return one, two


def tunnel_of(tunnel: ReadTunnel, connection: ReadConnection, turn: int) -> dict[str, Any]:
    """One item of ``oci network ip-sec-tunnel list``, with the API's names."""
    one, two = _phases(tunnel)
    bgp = connection.mode == "bgp"
    length = tunnel.inside.network.prefixlen if tunnel.inside else 30
    return {
        "bgpSessionInfo": {
            "bgpState": "UP",
            "customerBgpAsn": str(connection.asn) if bgp else None,
            "customerInterfaceIp": str(tunnel.inside),
            "customerInterfaceIpv6": None,
            "oracleBgpAsn": str(connection.peer_asn) if bgp else None,
            "oracleInterfaceIp": f"{tunnel.peer_inside}/{length}",
        },
        "cpeIp": str(tunnel.public),
        "displayName": f"tunnel-{turn}",
        "dpdMode": "INITIATE_AND_RESPOND",
        "dpdTimeoutInSec": tunnel.dpd.timeout,
        "encryptionDomainConfig": None,
        "id": f"ocid1.ipsectunnel.oc1.phx.fake{turn}",
        "ikeVersion": f"V{tunnel.ike.version}",
        "lifecycleState": "AVAILABLE",
        "natTranslationEnabled": TRAVERSAL[tunnel.nat_t],
        "oracleCanInitiate": "INITIATOR_OR_RESPONDER",
        "phaseOneDetails": one,
        "phaseTwoDetails": two,
        "routing": "BGP" if bgp else "STATIC",
        "status": "UP",
        "vpnIp": str(tunnel.remote),
    }


def connection_of(connection: ReadConnection) -> dict[str, Any]:
    """``oci network ip-sec-connection get``, with the API's names."""
    networks = list(map(str, connection.local_networks))
    return {
        "cpeId": connection.customer_gateway,
        "cpeLocalIdentifier": None,
        "displayName": connection.name,
        "drgId": connection.cloud_gateway,
        "id": connection.id,
        "lifecycleState": "AVAILABLE",
        "staticRoutes": ["192.168.0.0/24"] if connection.mode == "bgp" else networks,
    }


def tunnels_of(connection: ReadConnection) -> list[dict[str, Any]]:
    """``oci network ip-sec-tunnel list``, with the API's names."""
    return [tunnel_of(tunnel, connection, turn) for turn, tunnel in enumerate(connection.tunnels)]


def as_json(data: Any) -> str:
    return json.dumps(data, indent=1) + "\n"


def spelled(value: Any, mark: str) -> Any:
    """The same with a mark between the words of names instead of humps."""
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)(?=[A-Z])", mark, k).lower(): spelled(v, mark) for k, v in value.items()}
    return [spelled(each, mark) for each in value] if isinstance(value, list) else value


def cli(data: Any) -> dict[str, Any]:
    """As the CLI prints it."""
    return {"data": spelled(data, "-"), "etag": "fake"}


def in_cli(connection: ReadConnection) -> str:
    """Both answers in one list."""
    return as_json([cli(connection_of(connection)), cli(tunnels_of(connection))])


def in_sdk(connection: ReadConnection) -> str:
    """As programs have them, with humps."""
    return as_json({"connection": connection_of(connection), "tunnels": tunnels_of(connection)})


def terraform_state(connection: ReadConnection) -> str:
    """``terraform state pull``: the first tunnel is managed, the second one looked up, its key too."""
    found: list[dict[str, Any]] = []

    def add(kind: str, values: dict[str, Any], mode: str = "managed") -> None:
        found.append(
            {"mode": mode, "type": f"oci_core_ipsec{kind}", "name": "x", "instances": [{"attributes": values}]}
        )

    def blocks(values: dict[str, Any]) -> dict[str, Any]:
        names = spelled(values, "_")
        return {key: [value] if isinstance(value, dict) else value for key, value in names.items()}

    add("", blocks(connection_of(connection)))
    for turn, tunnel in enumerate(connection.tunnels):
        values = blocks(tunnel_of(tunnel, connection, turn))
        if turn == 0:
            values["dpd_config"] = [{"dpd_mode": values.pop("dpd_mode"), "dpd_timeout_in_sec": tunnel.dpd.timeout}]
            del values["dpd_timeout_in_sec"]
            more = {"ipsec_id": connection.id, "tunnel_id": values["id"], "shared_secret": reveal(tunnel.psk)}
            add("_connection_tunnel_management", values | more)
        else:
            add("_connection_tunnels", {"ipsec_id": connection.id, "ip_sec_connection_tunnels": [values]}, "data")
            config = {"ip_address": str(tunnel.remote), "shared_secret": reveal(tunnel.psk)}
            add("_config", {"ipsec_id": connection.id, "tunnels": [config]}, "data")
    return as_json({"version": 4, "terraform_version": "1.9.8", "resources": found})
