"""AWS's download for strongSwan (vendor Strongswan, Ubuntu 16.04, 5.5.1+): an ipsec.conf in prose with shell commands.

It never names an ASN, a route or the way of routing.
"""

from __future__ import annotations

from appliance.profiles.aws import AWS
from appliance.vendors.device.ipsec_conf import parse_conf
from appliance.vendors.draft import Reading
from appliance.vendors.text import Document


def parse(document: Document) -> list[Reading]:
    """The one connection of the document."""
    readings = parse_conf(document, AWS)
    for reading in readings:
        reading.draft.is_template = True
    return readings
