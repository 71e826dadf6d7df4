"""Azure's formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.azure import writers
from tests.vendors.azure.connections import connections

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "azure/cli": st.builds(
        lambda found, write: (found, write(found)),
        connections(),
        st.sampled_from([writers.flat_json, writers.flat_yaml, writers.rest_json, writers.powershell_json]),
    ),
    "azure/terraform": connections().map(lambda found: (found, writers.terraform_state(found))),
}
