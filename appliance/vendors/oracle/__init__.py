"""What Oracle Cloud gives."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {}
