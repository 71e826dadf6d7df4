"""The clouds we know: one data-only profile each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.model.profile import Profile
from appliance.profiles.alibaba import ALIBABA
from appliance.profiles.aws import AWS
from appliance.profiles.azure import AZURE
from appliance.profiles.generic import GENERIC
from appliance.profiles.google import GOOGLE
from appliance.profiles.oracle import ORACLE

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.cloud: profile for profile in (AWS, ALIBABA, GOOGLE, AZURE, ORACLE, GENERIC)}
)
"""Cloud -> its profile."""
