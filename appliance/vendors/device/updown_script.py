"""An updown script, given beside the ipsec.conf that calls it: its arguments stand there, and are read there."""

from __future__ import annotations

from appliance.model.document import Ignored
from appliance.vendors.conn import UPDOWN
from appliance.vendors.device.cloud import profile_of
from appliance.vendors.draft import ConnectionDraft, Findings, Reading
from appliance.vendors.settling import finish
from appliance.vendors.text import Document


def parse(document: Document) -> list[Reading]:
    """Nothing of it: what it sets up, the appliance sets up itself."""
    findings = Findings(ignored=[Ignored(1, UPDOWN)])
    return [Reading(ConnectionDraft(profile_of(document), is_fragment=True), findings, finish)]
