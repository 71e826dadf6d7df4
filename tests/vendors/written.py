"""Every format with its random documents: a connection, and the text that the cloud would give for it.

The property tests run over all of them. A format joins by one line here; what it cannot say is None or empty in the
connection that its strategy draws.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from appliance.model.document import ReadConnection
from tests.vendors.alibaba.written import WRITTEN as ALIBABA
from tests.vendors.aws import writers as aws
from tests.vendors.aws.described import in_api, in_xml
from tests.vendors.azure.written import WRITTEN as AZURE
from tests.vendors.connections import connections
from tests.vendors.device.written import WRITTEN as DEVICES
from tests.vendors.google.written import WRITTEN as GOOGLE
from tests.vendors.oracle.written import WRITTEN as ORACLE
from tests.vendors.writers import generic_text, strongswan_text

Written = st.SearchStrategy[tuple[ReadConnection, str]]

_DESCRIBED = st.sampled_from([aws.described_json, aws.described_yaml, aws.described_xml])
_TERRAFORM = st.sampled_from([aws.terraform_state, aws.terraform_shown])

WRITTEN: Mapping[str, Written] = {
    "aws/generic-text": connections(generic=True).map(lambda found: (found, generic_text(found))),
    "aws/strongswan-text": connections(generic=False).map(lambda found: (found, strongswan_text(found))),
    "aws/xml": in_xml().map(lambda found: (found, aws.configuration_xml(found))),
    "aws/describe": st.builds(lambda found, write: (found, write(found)), in_api(keyless=True), _DESCRIBED),
    "aws/terraform": st.builds(lambda found, write: (found, write(found)), in_api(keyless=False), _TERRAFORM),
    **DEVICES,
    **ALIBABA,
    **GOOGLE,
    **AZURE,
    **ORACLE,
}
"""Format (a key of ``appliance.vendors.FORMATS``) -> random documents of it."""
