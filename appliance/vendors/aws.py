"""What all of AWS's text downloads have in common: the header's identifiers, and a draft made into a connection."""

from __future__ import annotations

import re

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from appliance.model.fault import Fault, Notice
from appliance.profiles.aws import AWS
from appliance.vendors.aws_checks import check_connection, check_tunnel
from appliance.vendors.aws_owed import cut_tunnels, missing_values
from appliance.vendors.aws_remarks import remarks
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, Placeholder, parse_choice, placeholder

_IDENTIFIER = re.compile(
    r"(?i)Your (VPN Connection|Virtual Private Gateway|Transit Gateway|Customer Gateway) ID ?:+ ?(.*)"
)
_PREFIX = {
    "vpn connection": "vpn",
    "virtual private gateway": "vgw|tgw",
    "transit gateway": "tgw",
    "customer gateway": "cgw",
}
_HEX = r"(?:[0-9a-f]{17}|[0-9a-f]{8})"
_IKE_VERSIONS = {"ikev1": 1, "ikev2": 2}


def parse_identifier(line: Line, draft: ConnectionDraft, document: Document, findings: Findings) -> bool:
    """Read a header line with one of the three identifiers; False when the line is none. For a transit gateway the
    download leaves the gateway's identifier empty."""
    match = _IDENTIFIER.fullmatch(line.text)
    if match is None:
        return False
    what, text = match[1].lower(), match[2]
    place = Place(document.path, line.number, f"Your {match[1]} ID")
    field = {"vpn connection": draft.id, "customer gateway": draft.customer_gateway}.get(what, draft.cloud_gateway)
    prefix = _PREFIX[what]
    if re.fullmatch(rf"(?i)(?:{prefix})-[x*]+", text):
        field.say(Placeholder(text), place)
    elif re.fullmatch(f"(?:{prefix})-[0-9A-Za-z]{{1,30}}", text):
        field.say(text, place)
        if not re.fullmatch(f".*-{_HEX}", text):
            findings.warnings.append(
                Notice(place.where, f"{text}: AWS's identifiers end in 8 or 17 hexadecimal digits")
            )
    elif not re.fullmatch(r"(?i)(n/a|-)?", text):
        stand_in = None if re.match(r"(?i)(vpn|vgw|tgw|cgw)-", text) else placeholder(text)
        if stand_in is None:
            allowed = f"{prefix.replace('|', '- or ')}- and 8 or 17 hexadecimal digits"
            findings.faults.append(place.fault("not an identifier of AWS", found=text, allowed=allowed))
        field.say(stand_in, place)
    return True


def parse_ike_version(text: str, place: Place, draft: TunnelDraft, faults: list[Fault]) -> None:
    """``ikev1`` or ``ikev2``, in any case."""
    draft.ike_version.say(parse_choice(text, place, faults, _IKE_VERSIONS), place)


def finish(draft: ConnectionDraft, findings: Findings) -> ReadConnection:
    """The connection; added to the findings: what AWS's rules forbid, what is owed, and what is weak."""
    faults = findings.faults
    connection = _settle_connection(draft, faults)
    for tunnel, origin in zip(connection.tunnels, draft.tunnels, strict=True):
        check_tunnel(tunnel, origin, faults)
    check_connection(connection, draft, faults)
    faults += cut_tunnels(draft)
    findings.missing += missing_values(connection, draft)
    findings.warnings += remarks(connection, draft)
    return connection


def _settle_connection(draft: ConnectionDraft, faults: list[Fault]) -> ReadConnection:
    identifier = draft.id.settle(faults)
    return ReadConnection(
        name=identifier or AWS.cloud,
        cloud=AWS.cloud,
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
