"""Documents read in tests, and one connection for all devices."""

from __future__ import annotations

from dataclasses import replace

from appliance.model.document import ImportReport, ReadConnection, ReadDpd, ReadIke, ReadTunnel
from appliance.vendors import read_documents
from tests.vendors.samples import DYNAMIC


def read(*texts: str) -> ImportReport:
    """The report over the documents."""
    return read_documents([(f"file-{number}", text) for number, text in enumerate(texts, start=1)])


def the_connection(text: str) -> ReadConnection:
    """The only connection of a document without faults."""
    report = read(text)
    assert report.faults == ()
    (connection,) = report.connections
    return connection


def first(text: str) -> ReadTunnel:
    """Its first tunnel."""
    return the_connection(text).tunnels[0]


def first_version(dpd: ReadDpd) -> ReadConnection:
    """The sample with IKEv1 and this dead peer detection, as AWS's downloads for devices have it."""
    tunnels = (
        replace(tunnel, ike=ReadIke(1, tunnel.ike.proposals, tunnel.ike.lifetime), dpd=dpd)
        for tunnel in DYNAMIC.tunnels
    )
    return replace(DYNAMIC, tunnels=tuple(tunnels))
