"""The identifiers that all of AWS's documents have in common, and the header of its text downloads."""

from __future__ import annotations

import re

from appliance.model.fault import Notice
from appliance.vendors.draft import ConnectionDraft, Field, Findings
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, Placeholder, placeholder

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


def parse_identifier(line: Line, draft: ConnectionDraft, document: Document, findings: Findings) -> bool:
    """Read a header line with one of the three identifiers; False when the line is none. For a transit gateway the
    download leaves the gateway's identifier empty."""
    match = _IDENTIFIER.fullmatch(line.text)
    if match is None:
        return False
    what, text = match[1].lower(), match[2]
    place = Place(document.path, line.number, f"Your {match[1]} ID")
    field = {"vpn connection": draft.id, "customer gateway": draft.customer_gateway}.get(what, draft.cloud_gateway)
    read_identifier(text, _PREFIX[what], place, field, findings)
    return True


def read_identifier(text: str, prefix: str, place: Place, field: Field[str], findings: Findings) -> None:
    """Say an identifier that begins with ``prefix`` (alternatives with ``|``), perhaps masked (``vpn-xxxx``). Nothing
    is said for an empty one."""
    if re.fullmatch(rf"(?i)(?:{prefix})-[x*]+", text):
        field.say(Placeholder(text), place)
    elif re.fullmatch(f"(?:{prefix})-[0-9A-Za-z]{{1,30}}", text):
        field.say(text, place)
        if not re.fullmatch(f".*-{_HEX}", text):
            message = f"{text}: AWS's identifiers end in 8 or 17 hexadecimal digits"
            findings.warnings.append(Notice(place.where, message))
    elif not re.fullmatch(r"(?i)(n/a|-)?", text):
        stand_in = None if re.match(r"(?i)(vpn|vgw|tgw|cgw)-", text) else placeholder(text)
        if stand_in is None:
            allowed = f"{prefix.replace('|', '- or ')}- and 8 or 17 hexadecimal digits"
            findings.faults.append(place.fault("not an identifier of AWS", found=text, allowed=allowed))
        field.say(stand_in, place)
