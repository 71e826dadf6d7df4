"""A connection to what AWS's API, and Terraform, would give for it: the layout is theirs, every value ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import yaml

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.writers import GROUP_NUMBERS, reveal

TEMPLATE = ("aes128-sha1-modp1024",)
"""The proposal that stands in every CustomerGatewayConfiguration, whatever the options are."""


def configuration_xml(connection: ReadConnection) -> str:
    """The CustomerGatewayConfiguration. A transit gateway's id is left empty; so is a key in Secrets Manager."""
    gateway, attributes = connection.cloud_gateway or "", "vpn_connection_attributes"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<vpn_connection id="{connection.id}">',
        f"  <customer_gateway_id>{connection.customer_gateway}</customer_gateway_id>",
        f"  <vpn_gateway_id>{gateway if gateway.startswith('vgw') else ''}</vpn_gateway_id>",
        "  <vpn_connection_type>ipsec.1</vpn_connection_type>",
        *([f"  <{attributes}>NoBGPVPNConnection</{attributes}>"] if connection.mode == "static" else []),
        *(_tunnel_xml(tunnel, connection) for tunnel in connection.tunnels),
        "</vpn_connection>",
    ]
    return "\n".join(lines) + "\n"


def _side(name: str, outside: object, inside: object, tunnel: ReadTunnel, asn: int | None, hold: int | None) -> str:
    assert tunnel.inside is not None
    six, length = ("ipv6_", "prefix_length") if tunnel.inside.version == 6 else ("", "network_cidr")
    mask = "" if six else "\n        <network_mask>255.255.255.252</network_mask>"
    bgp = f"""
      <bgp>
        <asn>{asn}</asn>
        <hold_time>{hold}</hold_time>
      </bgp>"""
    return f"""    <{name}>
      <tunnel_outside_address>
        <ip_address>{outside}</ip_address>
      </tunnel_outside_address>
      <tunnel_inside_{six}address>
        <ip_address>{inside}</ip_address>{mask}
        <{length}>{tunnel.inside.network.prefixlen}</{length}>
      </tunnel_inside_{six}address>{bgp if asn else ""}
    </{name}>"""


def _tunnel_xml(tunnel: ReadTunnel, connection: ReadConnection) -> str:
    assert tunnel.inside is not None
    ike, esp = (_words(each or TEMPLATE) for each in (tunnel.ike.proposals, tunnel.esp.proposals))
    icv = {"sha1": "hmac-sha1-96", "sha2-256": "hmac-sha2-256-128"}.get(esp[1], f"hmac-{esp[1]}")
    ours = _side("customer_gateway", tunnel.public, tunnel.inside.ip, tunnel, connection.asn, connection.hold_time)
    theirs = _side("vpn_gateway", tunnel.remote, tunnel.peer_inside, tunnel, connection.peer_asn, connection.hold_time)
    return f"""  <ipsec_tunnel>
{ours}
{theirs}
    <ike>
      <authentication_protocol>{ike[1]}</authentication_protocol>
      <encryption_protocol>{ike[0]}</encryption_protocol>
      <lifetime>{tunnel.ike.lifetime or 28800}</lifetime>
      <perfect_forward_secrecy>group{ike[2]}</perfect_forward_secrecy>
      <mode>main</mode>
      <pre_shared_key>{reveal(tunnel.psk)}</pre_shared_key>
    </ike>
    <ipsec>
      <protocol>esp</protocol>
      <authentication_protocol>{icv}</authentication_protocol>
      <encryption_protocol>{esp[0]}</encryption_protocol>
      <lifetime>{tunnel.esp.lifetime or 3600}</lifetime>
      <perfect_forward_secrecy>group{esp[2]}</perfect_forward_secrecy>
      <mode>tunnel</mode>
      <clear_df_bit>true</clear_df_bit>
      <fragmentation_before_encryption>true</fragmentation_before_encryption>
      <tcp_mss_adjustment>{tunnel.mss}</tcp_mss_adjustment>
      <dead_peer_detection>
        <interval>{tunnel.dpd.delay}</interval>
        <retries>{tunnel.dpd.retries}</retries>
      </dead_peer_detection>
    </ipsec>
  </ipsec_tunnel>"""


def _words(proposals: Sequence[str]) -> tuple[str, str, int]:
    cipher, digest, group = proposals[0].split("-")
    return f"aes-{cipher[3:]}-cbc", digest if digest == "sha1" else f"sha2-{digest[3:]}", GROUP_NUMBERS[group]


def _plain(connection: ReadConnection) -> ReadConnection:
    """The same with the template's algorithms and lifetimes: what stands in the XML of every description."""
    tunnels = (
        replace(
            tunnel,
            ike=replace(tunnel.ike, proposals=TEMPLATE, lifetime=28800),
            esp=replace(tunnel.esp, proposals=TEMPLATE, lifetime=3600),
        )
        for tunnel in connection.tunnels
    )
    return replace(connection, tunnels=tuple(tunnels))


def tunnel_options(tunnel: ReadTunnel) -> dict[str, Any]:
    """One entry of TunnelOptions: what was set, and nothing where AWS's default is."""
    assert tunnel.inside is not None
    options: dict[str, Any] = {
        "OutsideIpAddress": str(tunnel.remote),
        f"TunnelInside{'Ipv6' if tunnel.inside.version == 6 else ''}Cidr": str(tunnel.inside.network),
    }
    if tunnel.psk:
        options["PreSharedKey"] = tunnel.psk.reveal()
    if tunnel.ike.lifetime != 28800:
        options["Phase1LifetimeSeconds"] = tunnel.ike.lifetime
    if tunnel.esp.lifetime != 3600:
        options["Phase2LifetimeSeconds"] = tunnel.esp.lifetime
    if tunnel.dpd.timeout:
        options["DPDTimeoutSeconds"] = tunnel.dpd.timeout
    if tunnel.ike.version == 1:
        options["IkeVersions"] = [{"Value": "ikev1"}]
    return options | _lists("1", tunnel.ike.proposals) | _lists("2", tunnel.esp.proposals)


def _lists(phase: str, proposals: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The three lists whose combinations the proposals are."""
    if tuple(proposals) == TEMPLATE:
        return {}
    words = [word for proposal in proposals for word in proposal.split("-")]
    ciphers = [word for word in words if word.startswith("aes")]
    hashes = [word.removeprefix("prf") for word in words if "sha" in word] or ["sha512"]
    groups = [GROUP_NUMBERS[word] for word in words if word in GROUP_NUMBERS]
    return {
        f"Phase{phase}EncryptionAlgorithms": _values([_api_cipher(word) for word in ciphers]),
        f"Phase{phase}IntegrityAlgorithms": _values([re.sub("^SHA(?!1)", "SHA2-", word.upper()) for word in hashes]),
        f"Phase{phase}DHGroupNumbers": _values(groups),
    }


def _api_cipher(word: str) -> str:
    return f"AES{word[3:6]}{'-GCM-16' if 'gcm' in word else ''}"


def _values(found: Sequence[object]) -> list[dict[str, Any]]:
    return [{"Value": value} for value in dict.fromkeys(found)]


def description(connection: ReadConnection) -> dict[str, Any]:
    """One entry of VpnConnections."""
    gateway = connection.cloud_gateway or ""
    kind = {"vgw": "VpnGatewayId", "tgw": "TransitGatewayId"}.get(gateway[:3])
    return {
        "Category": "VPN",
        "Options": {
            "EnableAcceleration": any(tunnel.nat_t for tunnel in connection.tunnels),
            "StaticRoutesOnly": connection.mode == "static",
            "LocalIpv4NetworkCidr": "0.0.0.0/0",
            "RemoteIpv4NetworkCidr": "0.0.0.0/0",
            "TunnelInsideIpVersion": "ipv4",
            "TunnelOptions": [tunnel_options(tunnel) for tunnel in connection.tunnels],
        },
        "Routes": [
            {"DestinationCidrBlock": str(net), "Source": "Static", "State": "available"}
            for net in connection.local_networks
        ],
        "Tags": [{"Key": "Name", "Value": "a site"}],
        "VgwTelemetry": [
            {"AcceptedRouteCount": 0, "OutsideIpAddress": str(tunnel.remote), "Status": "DOWN", "StatusMessage": ""}
            for tunnel in connection.tunnels
        ],
        "VpnConnectionId": connection.id,
        "State": "available",
        "CustomerGatewayConfiguration": configuration_xml(_plain(connection)),
        "Type": "ipsec.1",
        "CustomerGatewayId": connection.customer_gateway,
        **({kind: gateway} if kind else {}),
    }


def described_json(*connections: ReadConnection) -> str:
    """``aws ec2 describe-vpn-connections``."""
    return json.dumps({"VpnConnections": [description(each) for each in connections]}, indent=4) + "\n"


def described_yaml(*connections: ReadConnection) -> str:
    """The same with ``--output yaml``."""
    found: str = yaml.safe_dump({"VpnConnections": [description(each) for each in connections]})
    return found


def described_xml(*connections: ReadConnection) -> str:
    """The EC2 query API's DescribeVpnConnections."""
    body = _query({"vpnConnectionSet": [description(each) for each in connections]}, 1)
    name = "DescribeVpnConnectionsResponse"
    head = f'<{name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\n  <requestId>00000000-fake</requestId>\n'
    return f"{head}{body}</{name}>\n"


_SETS = {
    "TunnelOptions": "tunnelOptionSet", "IkeVersions": "ikeVersionSet", "Tags": "tagSet", "Routes": "routes",
    "DPDTimeoutSeconds": "dpdTimeoutSeconds",
} | {
    f"Phase{phase}{what}s": f"phase{phase}{what}Set"
    for phase in "12" for what in ("EncryptionAlgorithm", "IntegrityAlgorithm", "DHGroupNumber")
}  # fmt: skip
"""JSON's names whose XML name is not merely the one with a small letter at the beginning."""


def _query(data: Mapping[str, Any], depth: int) -> str:
    blank, made = "  " * depth, ""
    for key, value in data.items():
        name = _SETS.get(key, key[0].lower() + key[1:])
        if isinstance(value, list):
            items = "".join(f"{blank}  <item>\n{_query(item, depth + 2)}{blank}  </item>\n" for item in value)
            made += f"{blank}<{name}>\n{items}{blank}</{name}>\n" if items else f"{blank}<{name}/>\n"
        elif isinstance(value, dict):
            made += f"{blank}<{name}>\n{_query(value, depth + 1)}{blank}</{name}>\n"
        else:
            text = str(value).lower() if isinstance(value, bool) else escape(str(value))
            made += f"{blank}<{name}>{text}</{name}>\n"
    return made


def terraform_values(connection: ReadConnection) -> dict[str, Any]:
    """The attributes of an aws_vpn_connection; what was not set is null, empty or 0, as the provider leaves it."""
    gateway = connection.cloud_gateway or ""
    values: dict[str, Any] = {
        "arn": f"arn:aws:ec2:eu-central-1:000000000000:vpn-connection/{connection.id}",
        "customer_gateway_configuration": configuration_xml(_plain(connection)),
        "customer_gateway_id": connection.customer_gateway,
        "enable_acceleration": any(tunnel.nat_t for tunnel in connection.tunnels),
        "id": connection.id,
        "local_ipv4_network_cidr": "0.0.0.0/0",
        "preshared_key_arn": "",
        "remote_ipv4_network_cidr": "0.0.0.0/0",
        "routes": [
            {"destination_cidr_block": str(net), "source": "Static", "state": "available"}
            for net in connection.local_networks
        ],
        "static_routes_only": connection.mode == "static",
        "tags": {"Name": "a site"},
        "transit_gateway_id": gateway if gateway.startswith("tgw") else None,
        "type": "ipsec.1",
        "vpn_gateway_id": gateway if gateway.startswith("vgw") else "",
    }
    for number, tunnel in enumerate(connection.tunnels, start=1):
        values |= {f"tunnel{number}_{key}": value for key, value in _tunnel_attributes(tunnel, connection).items()}
    return dict(sorted(values.items()))


def _tunnel_attributes(tunnel: ReadTunnel, connection: ReadConnection) -> dict[str, Any]:
    assert tunnel.inside is not None
    options = tunnel_options(tunnel)
    lists = {
        name: [value["Value"] for value in options.get(_camel(name), [])] or None
        for phase in ("phase1", "phase2")
        for name in (f"{phase}_encryption_algorithms", f"{phase}_integrity_algorithms", f"{phase}_dh_group_numbers")
    }
    return lists | {
        "address": str(tunnel.remote),
        "bgp_asn": str(connection.peer_asn or ""),
        "bgp_holdtime": connection.hold_time or 0,
        "cgw_inside_address": str(tunnel.inside.ip),
        "dpd_timeout_action": "",
        "dpd_timeout_seconds": tunnel.dpd.timeout or 0,
        "ike_versions": [value["Value"] for value in options.get("IkeVersions", [])],
        "inside_cidr": str(tunnel.inside.network) if tunnel.inside.version == 4 else "",
        "inside_ipv6_cidr": str(tunnel.inside.network) if tunnel.inside.version == 6 else "",
        "log_options": [{"cloudwatch_log_options": []}],
        "phase1_lifetime_seconds": options.get("Phase1LifetimeSeconds", 0),
        "phase2_lifetime_seconds": options.get("Phase2LifetimeSeconds", 0),
        "preshared_key": reveal(tunnel.psk),
        "rekey_fuzz_percentage": 0,
        "startup_action": "",
        "vgw_inside_address": str(tunnel.peer_inside),
    }


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")).replace("Dh", "DH")


def terraform_state(*connections: ReadConnection) -> str:
    """The raw state, as ``terraform state pull`` gives it."""
    resources = [
        {
            "mode": "managed",
            "type": "aws_vpn_connection",
            "name": f"site{number}",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 0, "attributes": terraform_values(each), "sensitive_attributes": []}],
        }
        for number, each in enumerate(connections)
    ]
    state = {"version": 4, "terraform_version": "1.9.8", "serial": 7, "lineage": "fake", "outputs": {}}
    return json.dumps({**state, "resources": resources}, indent=2) + "\n"


def terraform_shown(*connections: ReadConnection) -> str:
    """``terraform show -json``: one line."""
    resources = [
        {
            "address": f"module.vpn.aws_vpn_connection.site{number}",
            "mode": "managed",
            "type": "aws_vpn_connection",
            "name": f"site{number}",
            "values": terraform_values(each),
            "sensitive_values": {},
        }
        for number, each in enumerate(connections)
    ]
    root = {"root_module": {"child_modules": [{"resources": resources, "address": "module.vpn"}]}}
    return json.dumps({"format_version": "1.0", "terraform_version": "1.9.8", "values": root}) + "\n"
