"""Configurations of devices that speak to a cloud's gateway: made by the cloud for one, or by hand."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.vendors.recognition import Format

FORMATS: Mapping[str, Format] = {}
