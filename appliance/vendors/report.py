"""An import report as plain data, in the shape that programs rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from appliance.model.document import ImportReport, ReadConnection, ReadTunnel
from appliance.model.secret import Secret


def report_as_data(report: ImportReport, show_secrets: bool = False) -> dict[str, Any]:
    """Text, numbers, lists and mappings only. Secrets are ``***`` unless asked for by ``show_secrets``."""
    return {
        "documents": [asdict(document) for document in report.documents],
        "connections": [_connection(connection, show_secrets) for connection in report.connections],
        "missing": [asdict(item) for item in report.missing],
        "warnings": [asdict(item) for item in report.warnings],
        "ignored": [asdict(item) for item in report.ignored],
        "faults": [asdict(item) for item in report.faults],
    }


def _connection(connection: ReadConnection, show_secrets: bool) -> dict[str, Any]:
    return {
        "name": connection.name,
        "cloud": connection.cloud,
        "id": connection.id,
        "cloud_gateway": connection.cloud_gateway,
        "customer_gateway": connection.customer_gateway,
        "mode": connection.mode,
        "asn": connection.asn,
        "peer_asn": connection.peer_asn,
        "hold_time": connection.hold_time,
        "networks": [str(network) for network in connection.networks],
        "local_networks": [str(network) for network in connection.local_networks],
        "tunnels": [_tunnel(tunnel, show_secrets) for tunnel in connection.tunnels],
    }


def _tunnel(tunnel: ReadTunnel, show_secrets: bool) -> Mapping[str, Any]:
    return {
        "remote": _text(tunnel.remote),
        "public": _text(tunnel.public),
        "local_id": tunnel.local_id,
        "remote_id": tunnel.remote_id,
        "role": tunnel.role,
        "nat_t": tunnel.nat_t,
        "inside": _text(tunnel.inside),
        "peer_inside": _text(tunnel.peer_inside),
        "psk": _secret(tunnel.psk, show_secrets),
        "ike": {
            "version": tunnel.ike.version,
            "proposals": list(tunnel.ike.proposals),
            "lifetime": tunnel.ike.lifetime,
        },
        "esp": {"proposals": list(tunnel.esp.proposals), "lifetime": tunnel.esp.lifetime},
        "dpd": asdict(tunnel.dpd),
        "mtu": tunnel.mtu,
        "mss": tunnel.mss,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _secret(secret: Secret | None, show: bool) -> str | None:
    if secret is None:
        return None
    return secret.reveal() if show else str(secret)
