"""The clouds we know: one data-only profile each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.model.profile import Profile
from appliance.profiles.aws import AWS
from appliance.profiles.generic import GENERIC

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.cloud: profile for profile in (AWS, GENERIC)})
"""Cloud -> its profile."""
