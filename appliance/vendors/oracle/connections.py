"""Oracle Cloud's IPSec connections. The connection names its gateways and our networks, each tunnel everything else; a
key is in an answer of its own, or in Terraform's state."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.model.address import IPAddress
from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.model.secret import Secret
from appliance.profiles.oracle import ORACLE
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.keywords import parse_ike_version
from appliance.vendors.nodes import as_it_is, listed, look, say, word
from appliance.vendors.oracle.phases import say_phase_one, say_phase_two
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.tree import Node
from appliance.vendors.values import (
    Place,
    Placeholder,
    parse_address,
    parse_asn,
    parse_interface,
    parse_network,
    parse_number,
)

_EMPTY_KEY = "Oracle Cloud shows it apart: oci network ip-sec-psk get"
_LONGEST_NAME = 36  # characters: an intent's names have 40, and tunnels are numbered
_MODES = {"BGP": "bgp", "STATIC": "static", "POLICY": "static"}
_TRAVERSAL = {"ENABLED": True, "DISABLED": False}


def read_connection(nodes: Sequence[Node], tunnels: Sequence[Node], keys: Sequence[Node] = ()) -> Reading:
    """One connection, all that is said of it and of its tunnels; ``keys`` name the tunnel by Oracle's address, which
    tells tunnels apart. Nodes are in one shape (:func:`appliance.vendors.shape.plain`)."""
    return _Connection(nodes, keys).read(tunnels)


class _Connection:
    def __init__(self, nodes: Sequence[Node], keys: Sequence[Node]) -> None:
        self.nodes = nodes
        self.keys = keys
        self.draft = ConnectionDraft(ORACLE, empty_key=_EMPTY_KEY)
        self.findings = Findings()
        self.faults = self.findings.faults

    def read(self, tunnels: Sequence[Node]) -> Reading:
        drafts: dict[str | None, TunnelDraft] = {}
        for node in tunnels:
            outside = word(node, "vpnip")
            if outside not in drafts:
                drafts[outside] = self.draft.begin_tunnel(node.place)
            self._read_tunnel(node, drafts[outside])
        for node in self.nodes:
            self._read_connection(node)
        return Reading(self.draft, self.findings, finish)

    def _read_connection(self, node: Node) -> None:
        draft = self.draft
        for name, field in (("id", draft.id), ("drgid", draft.cloud_gateway), ("cpeid", draft.customer_gateway)):
            say(look(node, name), field, as_it_is, self.faults)
        called = re.sub(r"[^A-Za-z0-9._-]+", "-", word(node, "displayname") or "")[:_LONGEST_NAME].strip("-._")
        if called:
            draft.name.say(called, node.place)
        for tunnel in draft.tunnels:
            say(look(node, "cpelocalidentifier"), tunnel.local_id, as_it_is, self.faults)
        for route in listed(node, "staticroutes"):
            if draft.mode.every() == ("bgp",):
                why = "a static route of a connection with BGP: it has to have one, and does not use it"
                self.findings.ignored.append(Ignored(route.line, why))
            else:
                say(route, draft.local_networks, parse_network, self.faults)

    def _read_tunnel(self, node: Node, tunnel: TunnelDraft) -> None:
        say(look(node, "vpnip"), tunnel.remote, parse_address, self.faults)
        say(look(node, "cpeip"), tunnel.public, parse_address, self.faults)
        say(look(node, "ikeversion"), tunnel.ike_version, parse_ike_version, self.faults)
        say(look(node, "sharedsecret"), tunnel.psk, _parse_key, self.faults)
        for key in self.keys:
            if word(key, "ipaddress") == word(node, "vpnip"):
                say(look(key, "sharedsecret"), tunnel.psk, _parse_key, self.faults)
        timeout = look(node, "dpdtimeoutinsec") or look(node, "dpdconfig", "dpdtimeoutinsec")
        say(timeout, tunnel.dpd_timeout, lambda text, at, faults: parse_number(text, at, faults, 1, 86400), self.faults)
        say_phase_one(look(node, "phaseonedetails"), tunnel, self.faults)
        say_phase_two(look(node, "phasetwodetails"), tunnel, self.faults)
        traversal = look(node, "nattranslationenabled")
        if traversal is not None and traversal.text in _TRAVERSAL:
            tunnel.nat_t.say(_TRAVERSAL[traversal.text], traversal.place)
        self._read_routing(node, tunnel)
        begins = look(node, "oraclecaninitiate")
        if begins is not None:
            self.findings.ignored.append(Ignored(begins.line, "who begins: the appliance always does"))

    def _read_routing(self, node: Node, tunnel: TunnelDraft) -> None:
        """BGP's addresses, which a static tunnel has for probing."""
        routing, session = look(node, "routing"), look(node, "bgpsessioninfo")
        if routing is not None and routing.text in _MODES:
            self.draft.mode.say(_MODES[routing.text], routing.place)
        ours = look(session, "customerinterfaceip") or look(session, "customerinterfaceipv6")
        theirs = look(session, "oracleinterfaceip") or look(session, "oracleinterfaceipv6")
        say(ours, tunnel.inside, parse_interface, self.faults)
        say(theirs, tunnel.peer_inside, _parse_without_length, self.faults)
        if routing is None or routing.text == "BGP":
            say(look(session, "customerbgpasn"), self.draft.asn, parse_asn, self.faults)
            say(look(session, "oraclebgpasn"), self.draft.peer_asn, parse_asn, self.faults)
        elif routing.text == "POLICY":
            message = "policy-based routing: Oracle Cloud offers its networks as selectors, ours narrow to them"
            self.findings.warnings.append(Notice(routing.place.where, f"{message} with IKEv2 only"))
            domain = look(node, "encryptiondomainconfig")
            for item in listed(domain, "oracletrafficselector"):
                say(item, self.draft.networks, parse_network, self.faults)
            for item in listed(domain, "cpetrafficselector"):
                say(item, self.draft.local_networks, parse_network, self.faults)


def _parse_key(text: str, place: Place, faults: list[Fault]) -> Secret | Placeholder | None:
    return parse_psk(text, place, faults, ORACLE)


def _parse_without_length(text: str, place: Place, faults: list[Fault]) -> IPAddress | Placeholder | None:
    return parse_address(re.sub(r"/\d{1,3}$", "", text), place, faults)
