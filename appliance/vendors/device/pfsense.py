"""AWS's download for pfSense: what to fill in where in its pages.

It is for a connection with policies: it names neither our address nor anything of the inside.
"""

from __future__ import annotations

from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.pages import page_statements
from appliance.vendors.device.rules import IGNORE, Rules
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document

_ONE, _TWO = "phase1 N", "phase2 N"
_TABLE = (
    (f"{_ONE} key-exchange-version V", "phase1", "version"),
    (f"{_ONE} remote-gateway V", "phase1", "remote"),
    (f"{_ONE} pre-shared-key V", "phase1", "psk"),
    (f"{_ONE} encryption-algorithm V", "phase1", "ike.cipher"),
    (f"{_ONE} hash-algorithm V", "phase1", "ike.hash"),
    (f"{_ONE} dh-key-group V", "phase1", "ike.group"),
    (f"{_ONE} lifetime V", "phase1", "ike_lifetime"),
    (f"{_ONE} delay-between-requesting-peer-acknowledgement V", "phase1", "dpd_delay"),
    (f"{_ONE} number-of-consecutive-failures-allowed-before-disconnect V", "phase1", "dpd_retries"),
    (f"{_TWO} encryption-algorithms V", "phase2", "esp.cipher"),
    (f"{_TWO} encryption-algorigthms V", "phase2", "esp.cipher"),  # as AWS writes it
    (f"{_TWO} hash-algorithms V", "phase2", "esp.hash"),
    (f"{_TWO} pfs-key-group V", "phase2", "esp.group"),
    (f"{_TWO} lifetime V", "phase2", "esp_lifetime"),
    (f"{_ONE} ...", IGNORE, "a field of pfSense's pages: the appliance chooses itself"),
    (f"{_TWO} ...", IGNORE, "a field of pfSense's pages: the appliance chooses itself"),
)
_DEVICE = Device(
    Rules(_TABLE, scope="nothing"),
    roots=("phase1",),
    kin={"phase1": ("phase2",)},
    never=frozenset({"public", "inside", "peer_inside", "asn", "peer_asn", "networks"}),
)
_HEADINGS = ((r"(?i)^general information", "phase1"), (r"(?i)\bPhase ?2 entry", "phase2"))


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its phase 1 entries."""
    return read_device(document, page_statements(document, _HEADINGS), _DEVICE)
