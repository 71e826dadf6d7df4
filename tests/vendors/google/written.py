"""Google Cloud's formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.google import writers
from tests.vendors.google.connections import connections

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "google/gcloud": st.builds(
        lambda found, write: (found, write(found)),
        connections(keys=False),
        st.sampled_from([writers.in_json, writers.in_yaml]),
    ),
    "google/terraform": connections(keys=True).map(lambda found: (found, writers.terraform_state(found))),
}
