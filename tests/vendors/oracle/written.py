"""Oracle Cloud's formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.oracle import writers
from tests.vendors.oracle.connections import connections

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "oracle/cli": st.builds(
        lambda found, write: (found, write(found)),
        connections(keys=False),
        st.sampled_from([writers.in_cli, writers.in_sdk]),
    ),
    "oracle/terraform": connections(keys=True).map(lambda found: (found, writers.terraform_state(found))),
}
