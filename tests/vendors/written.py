"""Every format with its random documents: a connection, and the text that the cloud would give for it.

The property tests run over all of them. A format joins by one line here; what it cannot say is None or empty in the
connection that its strategy draws.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.connections import connections
from tests.vendors.device.written import WRITTEN as DEVICES
from tests.vendors.writers import generic_text, strongswan_text

Written = st.SearchStrategy[tuple[ReadConnection, str]]

WRITTEN: Mapping[str, Written] = {
    "aws/generic-text": connections(generic=True).map(lambda found: (found, generic_text(found))),
    "aws/strongswan-text": connections(generic=False).map(lambda found: (found, strongswan_text(found))),
    **DEVICES,
}
"""Format (a key of ``appliance.vendors.FORMATS``) -> random documents of it."""
