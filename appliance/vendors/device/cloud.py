"""Whose gateway a device's configuration speaks to, told by what people and downloads leave in it."""

from __future__ import annotations

import re

from appliance.model.profile import Profile
from appliance.profiles.aws import AWS
from appliance.profiles.generic import GENERIC
from appliance.vendors.text import Document

CONNECTION_ID = re.compile(r"\bvpn-(?:[0-9a-f]{17}|[0-9a-f]{8})(?![0-9A-Za-z])")
_AWS = re.compile(rf"(?i)\b(aws|amazon)|^[!#* ]*Your VPN Connection ID|{CONNECTION_ID.pattern}", re.MULTILINE)


def profile_of(document: Document) -> Profile:
    """AWS when its header, one of its identifiers or its name stands anywhere, else any standard gateway."""
    return AWS if _AWS.search(document.text) else GENERIC
