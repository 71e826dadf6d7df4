"""What a document says as part of an intent: as a Connection when it is complete, as YAML data however little it says.

MTU and MSS of a document stay out: AWS's are fixed figures of a template, the appliance computes its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import TYPE_CHECKING, Any

from appliance.model.document import ReadConnection, ReadTunnel
from appliance.model.fault import Fault, FaultyInput
from appliance.model.secret import Secret

if TYPE_CHECKING:  # at run time where one is made: who only prints does not wait for it
    from appliance.model.intent import Connection, SecretRef, Tunnel

SITE = "site"
"""The name of our side, which no document knows."""


def tunnel_name(connection: str, index: int) -> str:
    """Tunnels are called after their connection, counted from 1 in the document's order."""
    return f"{connection}-{index + 1}"


def secret_ref(tunnel: str) -> SecretRef:
    """Where a tunnel's key is kept: beside the intent."""
    from appliance.model.intent import SecretRef

    return SecretRef("file", secret_name(tunnel))


def secret_name(tunnel: str) -> str:
    """The same as a path."""
    return f"secrets/{tunnel}.psk"


def secrets_of(read: ReadConnection, name: str | None = None) -> dict[str, Secret]:
    """Tunnel name -> key, of the tunnels whose key the document holds."""
    names = (tunnel_name(name or read.name, index) for index in range(len(read.tunnels)))
    return {tunnel: found.psk for tunnel, found in zip(names, read.tunnels, strict=True) if found.psk is not None}


def timers_of(read: ReadConnection) -> tuple[int, int] | None:
    """Keepalive and hold time in seconds: a third of the hold time (RFC 4271, section 10)."""
    return None if read.hold_time is None else (read.hold_time // 3, read.hold_time)


def connection_of(read: ReadConnection, *, mode: str, name: str | None = None) -> Connection:
    """The connection that the document describes, to be routed by ``mode``. A tunnel whose key is not in the document
    has no ``psk``. Raises FaultyInput for tunnels without an outside address: nothing can be made of them."""
    from appliance.model.intent import Bgp, Connection

    called = name or read.name
    return Connection(
        name=called,
        id=read.id,
        cloud=read.cloud,
        mode=mode,
        asn=read.asn,
        peer_asn=read.peer_asn,
        networks=read.networks,
        bgp=Bgp(timers=timers_of(read)),
        tunnels=tuple(_tunnel(tunnel, tunnel_name(called, index)) for index, tunnel in enumerate(read.tunnels)),
    )


def _tunnel(read: ReadTunnel, name: str) -> Tunnel:
    if read.remote is None:
        fault = Fault("the gateway's outside address is not known", key=name, fix="write it into the document")
        raise FaultyInput(f"{name}: the document does not say where the gateway is", faults=(fault,))
    from appliance.model.intent import Dpd, Esp, Ike, Tunnel

    return Tunnel(
        name=name,
        remote=read.remote,
        psk=None if read.psk is None else secret_ref(name),
        inside=read.inside if isinstance(read.inside, IPv4Interface) else None,
        peer_inside=read.peer_inside if isinstance(read.peer_inside, IPv4Address) else None,
        inside6=read.inside if isinstance(read.inside, IPv6Interface) else None,
        peer_inside6=read.peer_inside if isinstance(read.peer_inside, IPv6Address) else None,
        ike=Ike(read.ike.version or 2, read.ike.proposals, read.ike.lifetime),
        esp=Esp(read.esp.proposals, read.esp.lifetime),
        dpd=Dpd(read.dpd.delay, _dpd_timeout(read)),
        local_id=_identity(read),
        remote_id=read.remote_id,
        encap=True if read.nat_t else None,
    )


def _dpd_timeout(read: ReadTunnel) -> int | None:
    """Documents have one for every version; it counts for IKEv1 only."""
    return read.dpd.timeout if read.ike.version == 1 else None


def _identity(read: ReadTunnel) -> str | None:
    """How the cloud knows us: by name, else by the address of its customer gateway, also when that is not our own."""
    return read.local_id or (None if read.public is None else str(read.public))


def intent_data(reads: Sequence[ReadConnection]) -> dict[str, Any]:
    """The documents as an intent's plain data, in the order in which one is written. What is not known is not there."""
    asns = {read.asn for read in reads if read.asn is not None}
    site = {"name": SITE, "asn": asns.pop() if len(asns) == 1 else None}
    ours = dict.fromkeys(str(network) for read in reads for network in read.local_networks)
    return {
        "version": 1,
        "site": _said({**site, "networks": list(ours)}),
        "connections": [_connection_data(read, own_asn=read.asn != site["asn"]) for read in reads],
    }


def _connection_data(read: ReadConnection, own_asn: bool) -> dict[str, Any]:
    timers = timers_of(read)
    data = {
        "name": read.name,
        "id": read.id,
        "cloud": read.cloud,
        "mode": read.mode,
        "asn": read.asn if own_asn else None,
        "peer-asn": read.peer_asn,
        "networks": [str(network) for network in read.networks],
        "bgp": {"timers": list(timers)} if timers else None,
        "tunnels": [_tunnel_data(t, tunnel_name(read.name, index)) for index, t in enumerate(read.tunnels)],
    }
    return _said(data)


def _tunnel_data(read: ReadTunnel, name: str) -> dict[str, Any]:
    six = "6" if isinstance(read.inside, IPv6Interface) else ""
    ike = {"version": read.ike.version, "proposals": list(read.ike.proposals), "lifetime": read.ike.lifetime}
    data = {
        "name": name,
        "remote": _text(read.remote),
        "psk": None if read.psk is None else {"file": secret_name(name)},
        f"inside{six}": _text(read.inside),
        f"peer-inside{six}": _text(read.peer_inside),
        "ike": _said(ike),
        "esp": _said({"proposals": list(read.esp.proposals), "lifetime": read.esp.lifetime}),
        "dpd": _said({"delay": read.dpd.delay, "timeout": _dpd_timeout(read)}),
        "local-id": _identity(read),
        "remote-id": read.remote_id,
        "encap": True if read.nat_t else None,
    }
    return _said(data)


def _said(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, [], {})}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
