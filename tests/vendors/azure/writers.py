"""A connection to what Azure, or Terraform, would say of it: the layout is theirs, every value ours."""

from __future__ import annotations

import json
from typing import Any

import yaml

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.azure.connections import PATH
from tests.vendors.writers import reveal

CIPHERS = {"aes128": "AES128", "aes192": "AES192", "aes256": "AES256", "3des": "DES3",
           "aes128gcm16": "GCMAES128", "aes256gcm16": "GCMAES256"}  # fmt: skip
GROUPS = {"modp768": "DHGroup1", "modp1024": "DHGroup2", "modp2048": "DHGroup14", "modp2048s256": "DHGroup24",
          "ecp256": "ECP256", "ecp384": "ECP384", "": "None"}  # fmt: skip
PFS = GROUPS | {"modp768": "PFS1", "modp1024": "PFS2", "modp2048": "PFS2048", "modp2048s256": "PFS24"}
GATEWAY = f"{PATH}/virtualNetworkGateways/vnet-gw"
LOCAL = f"{PATH}/localNetworkGateways/dc1"


def _policy(tunnel: ReadTunnel) -> list[dict[str, Any]]:
    if not tunnel.ike.proposals:
        return []
    cipher, digest, group = tunnel.ike.proposals[0].split("-")
    esp, *rest = tunnel.esp.proposals[0].split("-")
    hashes = [word for word in rest if word.startswith("sha")]
    groups = [word for word in rest if not word.startswith("sha")] or [""]
    return [
        {
            "dhGroup": GROUPS[group],
            "ikeEncryption": CIPHERS[cipher],
            "ikeIntegrity": CIPHERS[cipher] if "gcm" in cipher else digest.upper(),
            "ipsecEncryption": CIPHERS[esp],
            "ipsecIntegrity": hashes[0].upper() if hashes else CIPHERS[esp],
            "pfsGroup": PFS[groups[0]],
            "saDataSizeKilobytes": 102400000,
            "saLifeTimeSeconds": tunnel.esp.lifetime,
        }
    ]


def _is_apipa(tunnel: ReadTunnel) -> bool:
    return tunnel.peer_inside is not None and tunnel.peer_inside.is_link_local


def connection_of(connection: ReadConnection) -> dict[str, Any]:
    """``az network vpn-connection show``."""
    tunnel = connection.tunnels[0]
    custom = [
        {"customBgpIpAddress": str(each.peer_inside), "ipConfigurationId": f"{GATEWAY}/ipConfigurations/config{turn}"}
        for turn, each in enumerate(connection.tunnels)
        if _is_apipa(each)
    ]
    return {
        "connectionMode": "Default",
        "connectionProtocol": f"IKEv{tunnel.ike.version}",
        "connectionType": "IPsec",
        "dpdTimeoutSeconds": tunnel.dpd.timeout or 0,
        "enableBgp": connection.mode == "bgp",
        "gatewayCustomBgpIpAddresses": custom,
        "id": connection.id,
        "ipsecPolicies": _policy(tunnel),
        "localNetworkGateway2": {"id": LOCAL, "resourceGroup": "rg"},
        "name": connection.name,
        "sharedKey": reveal(tunnel.psk) or None,
        "type": "Microsoft.Network/connections",
        "usePolicyBasedTrafficSelectors": False,
        "virtualNetworkGateway1": {"id": GATEWAY, "resourceGroup": "rg"},
    }


def gateway_of(connection: ReadConnection) -> dict[str, Any]:
    """``az network vnet-gateway show``."""
    peerings = [
        {
            "customBgpIpAddresses": [str(tunnel.peer_inside)] if _is_apipa(tunnel) else [],
            "defaultBgpIpAddresses": [f"10.0.255.{4 + turn}"],
            "ipconfigurationId": f"{GATEWAY}/ipConfigurations/config{turn}",
            "tunnelIpAddresses": [str(tunnel.remote)],
        }
        for turn, tunnel in enumerate(connection.tunnels)
    ]
    return {
        "activeActive": len(connection.tunnels) == 2,
        "bgpSettings": {"asn": connection.peer_asn or None, "bgpPeeringAddresses": peerings, "peerWeight": 0},
        "gatewayType": "Vpn",
        "id": GATEWAY,
        "name": "vnet-gw",
        "type": "Microsoft.Network/virtualNetworkGateways",
    }


def local_of(connection: ReadConnection) -> dict[str, Any]:
    """``az network local-gateway show``."""
    tunnel = connection.tunnels[0]
    ours = str(tunnel.inside.ip) if tunnel.inside else None
    prefixes = [*map(str, connection.local_networks), *([f"{ours}/32"] if ours else [])]
    return {
        "bgpSettings": {"asn": connection.asn, "bgpPeeringAddress": ours, "peerWeight": 0} if ours else None,
        "gatewayIpAddress": str(tunnel.public),
        "id": LOCAL,
        "localNetworkAddressSpace": {"addressPrefixes": prefixes},
        "name": "dc1",
        "type": "Microsoft.Network/localNetworkGateways",
    }


def resources(connection: ReadConnection) -> list[dict[str, Any]]:
    """All three."""
    return [connection_of(connection), gateway_of(connection), local_of(connection)]


def as_json(data: Any) -> str:
    """``-o json``."""
    return json.dumps(data, indent=1) + "\n"


def flat_json(connection: ReadConnection) -> str:
    """As ``az`` shows them, in one list."""
    return as_json(resources(connection))


def flat_yaml(connection: ReadConnection) -> str:
    """As ``az -o yaml`` does, one after the other."""
    return yaml.safe_dump_all(resources(connection), width=1000)


def rest_json(connection: ReadConnection) -> str:
    """As the REST API and templates do, with everything in ``properties``."""
    own = {"id", "name", "type"}
    return as_json(
        {
            "resources": [
                {key: each[key] for key in own} | {"properties": {k: v for k, v in each.items() if k not in own}}
                for each in resources(connection)
            ]
        }
    )


def powershell_json(connection: ReadConnection) -> str:
    """As PowerShell's ConvertTo-Json does, in capitals."""
    return as_json(_capitals(resources(connection)))


def _capitals(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: _capitals(each) for key, each in value.items()}
    return [_capitals(each) for each in value] if isinstance(value, list) else value


def terraform_state(connection: ReadConnection) -> str:
    """``terraform state pull``."""
    main, gateway, local = resources(connection)
    policies = [
        {
            "dh_group": each["dhGroup"],
            "ike_encryption": each["ikeEncryption"],
            "ike_integrity": each["ikeIntegrity"],
            "ipsec_encryption": each["ipsecEncryption"],
            "ipsec_integrity": each["ipsecIntegrity"],
            "pfs_group": each["pfsGroup"],
            "sa_datasize": each["saDataSizeKilobytes"],
            "sa_lifetime": each["saLifeTimeSeconds"],
        }
        for each in main["ipsecPolicies"]
    ]
    custom = [each["customBgpIpAddress"] for each in main["gatewayCustomBgpIpAddresses"]]
    names = [f"config{turn}" for turn, _ in enumerate(connection.tunnels)]
    peerings = [
        {
            "ip_configuration_name": name,
            "apipa_addresses": each["customBgpIpAddresses"],
            "default_addresses": each["defaultBgpIpAddresses"],
            "tunnel_ip_addresses": each["tunnelIpAddresses"],
        }
        for name, each in zip(names, gateway["bgpSettings"]["bgpPeeringAddresses"], strict=True)
    ]
    bgp = local["bgpSettings"]
    found = {
        "virtual_network_gateway_connection": {
            "id": connection.id,
            "name": connection.name,
            "type": "IPsec",
            "connection_protocol": main["connectionProtocol"],
            "custom_bgp_addresses": [{"primary": custom[0], "secondary": ""}] if custom else [],
            "dpd_timeout_seconds": main["dpdTimeoutSeconds"],
            "enable_bgp": main["enableBgp"],
            "ipsec_policy": policies,
            "local_network_gateway_id": LOCAL,
            "shared_key": main["sharedKey"],
            "virtual_network_gateway_id": GATEWAY,
        },
        "virtual_network_gateway": {
            "id": GATEWAY,
            "active_active": gateway["activeActive"],
            "bgp_settings": [{"asn": gateway["bgpSettings"]["asn"], "peering_addresses": peerings}],
        },
        "local_network_gateway": {
            "id": LOCAL,
            "name": "dc1",
            "address_space": local["localNetworkAddressSpace"]["addressPrefixes"],
            "bgp_settings": [{"asn": bgp["asn"], "bgp_peering_address": bgp["bgpPeeringAddress"]}] if bgp else [],
            "gateway_address": local["gatewayIpAddress"],
        },
    }
    raw = [
        {"mode": "managed", "type": f"azurerm_{kind}", "name": "x", "instances": [{"attributes": values}]}
        for kind, values in found.items()
    ]
    return as_json({"version": 4, "terraform_version": "1.9.8", "resources": raw})
