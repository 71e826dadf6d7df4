"""A draft made into a connection: settled, judged by its cloud's profile, with what it owes and what is weak in it."""

from __future__ import annotations

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.fault import Fault
from appliance.model.profile import Profile
from appliance.vendors.checks import check_connection, check_tunnel
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.owed import cut_tunnels, missing_values
from appliance.vendors.remarks import remarks


def finish(draft: ConnectionDraft, findings: Findings) -> ReadConnection:
    """The connection; added to the findings: what the cloud's rules forbid, what is owed, and what is weak."""
    faults = findings.faults
    connection = _settle_connection(draft, faults)
    for tunnel, origin in zip(connection.tunnels, draft.tunnels, strict=True):
        check_tunnel(tunnel, origin, draft.profile, faults)
    check_connection(connection, draft, faults)
    faults += cut_tunnels(draft)
    findings.missing += missing_values(connection, draft)
    findings.warnings += remarks(connection, draft)
    return connection


def unreadable(fault: Fault, profile: Profile) -> list[Reading]:
    """A document that was recognised and cannot be read: a connection of which nothing is known, and why."""
    return [Reading(ConnectionDraft(profile), Findings(faults=[fault]), _silent)]


def _silent(draft: ConnectionDraft, findings: Findings) -> ReadConnection:
    """Only the fault counts: a list of all that is missing would hide it."""
    return _settle_connection(draft, findings.faults)


def _settle_connection(draft: ConnectionDraft, faults: list[Fault]) -> ReadConnection:
    identifier = draft.id.settle(faults)
    name = draft.name.settle(faults) or identifier or draft.profile.cloud
    return ReadConnection(
        name=name,
        cloud=draft.profile.cloud,
        id=identifier,
        cloud_gateway=draft.cloud_gateway.settle(faults),
        customer_gateway=draft.customer_gateway.settle(faults),
        mode=draft.mode.settle(faults),
        asn=draft.asn.settle(faults),
        peer_asn=draft.peer_asn.settle(faults),
        hold_time=draft.hold_time.settle(faults),
        networks=draft.networks.every(),
        local_networks=draft.local_networks.every(),
        tunnels=tuple(_settle_tunnel(tunnel, faults) for tunnel in draft.tunnels),
    )


def _settle_tunnel(draft: TunnelDraft, faults: list[Fault]) -> ReadTunnel:
    ike = ReadIke(
        version=draft.ike_version.settle(faults),
        proposals=draft.ike_proposals.settle(faults) or (),
        lifetime=draft.ike_lifetime.settle(faults),
    )
    esp = ReadEsp(draft.esp_proposals.settle(faults) or (), draft.esp_lifetime.settle(faults))
    dpd = ReadDpd(draft.dpd_delay.settle(faults), draft.dpd_retries.settle(faults), draft.dpd_timeout.settle(faults))
    return ReadTunnel(
        remote=draft.remote.settle(faults),
        public=draft.public.settle(faults),
        local_id=draft.local_id.settle(faults),
        remote_id=draft.remote_id.settle(faults),
        role=draft.role.settle(faults),
        nat_t=draft.nat_t.settle(faults),
        inside=draft.inside.settle(faults),
        peer_inside=draft.peer_inside.settle(faults),
        psk=draft.psk.settle(faults),
        ike=ike,
        esp=esp,
        dpd=dpd,
        mtu=draft.mtu.settle(faults),
        mss=draft.mss.settle(faults),
    )
