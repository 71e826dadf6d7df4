"""The devices' formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.device import conf_writers as conf

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "device/ipsec-conf": conf.by_hand().map(lambda found: (found, conf.conf_text(found))),
    "device/openswan": conf.openswan().map(lambda found: (found, conf.openswan_text(found))),
}
