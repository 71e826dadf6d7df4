"""Alibaba Cloud's formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.alibaba import writers
from tests.vendors.alibaba.connections import connections, downloaded, in_terraform
from tests.vendors.alibaba.swanctl_writer import by_guide, swanctl_text

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "alibaba/describe": st.builds(
        lambda found, write: (found, write(found)),
        connections(),
        st.sampled_from([writers.described_json, writers.described_xml]),
    ),
    "alibaba/download": st.builds(
        lambda found, write: (downloaded(found), write(found)),
        connections(),
        st.sampled_from([writers.download_json, writers.download_xml]),
    ),
    "alibaba/terraform": st.builds(
        lambda found, write: (in_terraform(found), write(found)),
        connections(),
        st.sampled_from([writers.terraform_state, writers.terraform_shown]),
    ),
    "alibaba/swanctl": by_guide().map(lambda found: (found, swanctl_text(found))),
}
