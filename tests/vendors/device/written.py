"""The devices' formats with their random documents (:mod:`tests.vendors.written`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd
from tests.vendors.device import block_writers as blocks
from tests.vendors.device import conf_writers as conf
from tests.vendors.device import page_writers as pages
from tests.vendors.device import set_writers as sets
from tests.vendors.device.spoken import anonymous, policy_based, spoken, told, unrouted

_VYATTA = spoken(lambda t: told(t, version=1, dpd=ReadDpd(15, None, 30), mtu=True, mss=False), alike=True)
_JUNOS = spoken(lambda t: told(t, version=1, dpd=ReadDpd(), mtu=True, mss=True, public=False))
_PANOS = spoken(lambda t: told(t, version=1, dpd=ReadDpd(10, 3), mtu=True, mss=False))
_IOS = spoken(lambda t: told(t, version=1, dpd=ReadDpd(10), mtu=False, mss=True))
_ASA = spoken(lambda t: told(t, version=1, dpd=ReadDpd(10), mtu=False, mss=True), alike=True).map(policy_based)
_FORTIOS = spoken(lambda t: told(t, version=1, dpd=ReadDpd(10), mtu=True, mss=True)).map(
    lambda found: replace(found, hold_time=None)
)
_PFSENSE = spoken(lambda t: told(t, version=1, dpd=ReadDpd(10, 3), mtu=False, mss=False, public=False)).map(
    policy_based
)
_ROUTEROS = spoken(lambda t: told(t, version=2, dpd=ReadDpd(10, 5), mtu=False, mss=False)).map(policy_based)
_FORTIGATE = spoken(lambda t: told(t, version=1, dpd=ReadDpd(), mtu=True, mss=True)).map(unrouted)
_PFSENSE_XML = spoken(lambda t: told(t, version=2, dpd=ReadDpd(10, 5), mtu=False, mss=False)).map(unrouted)

WRITTEN: Mapping[str, st.SearchStrategy[tuple[ReadConnection, str]]] = {
    "device/ipsec-conf": conf.by_hand().map(lambda found: (found, conf.conf_text(found))),
    "device/openswan": conf.openswan().map(lambda found: (found, conf.openswan_text(found))),
    "device/cisco": st.one_of(
        _IOS.map(lambda found: (found, blocks.ios_text(found))), _ASA.map(lambda found: (found, blocks.asa_text(found)))
    ),
    "device/fortios": _FORTIOS.map(lambda found: (found, blocks.fortios_text(found))),
    "device/fortigate-pages": _FORTIGATE.map(lambda found: (found, pages.fortigate_text(found))),
    "device/junos": _JUNOS.map(lambda found: (found, sets.junos_text(found))),
    "device/panos": _PANOS.map(lambda found: (found, sets.panos_text(found))),
    "device/pfsense": _PFSENSE.map(lambda found: (found, pages.pfsense_text(found))),
    "device/pfsense-xml": _PFSENSE_XML.map(lambda found: (anonymous(found), pages.pfsense_xml(found))),
    "device/routeros": _ROUTEROS.map(lambda found: (anonymous(found), pages.routeros_text(found))),
    "device/swanctl": conf.sections().map(lambda found: (found, conf.swanctl_text(found))),
    "device/vyos": _VYATTA.map(lambda found: (found, sets.vyatta_text(found))),
}
