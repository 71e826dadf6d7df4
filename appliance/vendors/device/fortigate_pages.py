"""AWS's download for Fortinet's pages (FortiOS with GUI): what to fill in where, with a few commands amid it."""

from __future__ import annotations

from dataclasses import replace

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.pages import page_statements
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_ONE, _TWO, _FACE = "phase1 N", "phase2 N", "interface N"
_FIELD = "a field of FortiOS's pages: the appliance chooses itself"
_TABLE = (
    (f"{_ONE} ike-version V", "phase1", "version"),
    (f"{_ONE} ip-address V", "phase1", "remote"),
    (f"{_ONE} local-gateway V", "phase1", "local"),
    (f"{_ONE} pre-shared-key V", "phase1", "psk"),
    (f"{_ONE} encryption V", "phase1", "ike.cipher"),
    (f"{_ONE} authentication V", "phase1", "ike.hash"),
    (f"{_ONE} dh-group V", "phase1", "ike.group"),
    (f"{_ONE} keylife V", "phase1", "ike_lifetime"),
    (f"{_TWO} encryption V", "phase2", "esp.cipher"),
    (f"{_TWO} authentication V", "phase2", "esp.hash"),
    (f"{_TWO} dh-group V", "phase2", "esp.group"),
    (f"{_TWO} keylife V", "phase2", "esp_lifetime"),
    (f"{_FACE} ip V", "interface", "inside"),
    (f"{_FACE} remote-ip V", "interface", "peer_inside"),
    (f"{_FACE} mtu V", "interface", "mtu"),
    (f"{_FACE} tcp-mss V", "interface", "mss"),
    (f"{_ONE} ...", IGNORE, _FIELD),
    (f"{_TWO} ...", IGNORE, _FIELD),
    (f"{_FACE} ...", IGNORE, _FIELD),
)
_DEVICE = Device(
    Rules(_TABLE, scope="nothing"),
    roots=("phase1",),
    kin={"phase1": ("phase2", "interface")},
    never=frozenset({"networks"}),
)
_HEADINGS = (
    (r"(?i)\bcreate Phase ?1$", "phase1"),
    (r"(?i)\bcreate Phase ?2$", "phase2"),
    (r"(?i)^Go to Network Tab", "interface"),
    (r"(?i)^Go to (Router|Firewall)", "elsewhere"),
)
_CHOICE = "Select Specify and enter "


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its phase 1 entries."""
    statements = page_statements(document, _HEADINGS)
    said = [replace(s, words=(*s.words[:-1], s.words[-1].removeprefix(_CHOICE))) for s in statements]
    return read_device(document, said, _DEVICE)
