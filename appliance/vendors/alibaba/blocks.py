"""The blocks that all of Alibaba Cloud's documents are made of, whichever side speaks in them.

``Local`` is the speaker's own side: the cloud's where it describes a connection, ours in the configuration that it
offers for the customer's device. Terraform has the same names in small letters (``tunnel_ike_config``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from typing import TypeVar

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.document import Ignored, ReadConnection
from appliance.model.fault import Fault, Notice
from appliance.profiles.alibaba import ALIBABA
from appliance.vendors.draft import ConnectionDraft, Field, Findings, TunnelDraft
from appliance.vendors.keywords import esp_proposals, ike_proposals, parse_ike_version
from appliance.vendors.nodes import look, spelled
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish
from appliance.vendors.suite import Suite
from appliance.vendors.tree import Node
from appliance.vendors.values import (
    Place,
    Placeholder,
    parse_address,
    parse_asn,
    parse_choice,
    parse_interface,
    parse_network,
    parse_seconds,
)

T = TypeVar("T")

DEFAULT_ASN = 45104
"""Alibaba's own, unless chosen otherwise; a customer gateway cannot have it (API, CreateCustomerGateway, Asn)."""

_MASKED = re.compile(r"[\dxX*#]{1,3}(\.[\dxX*#]{1,3}){3}")
_NO_IDENTITY = frozenset({"leftId-not-exist", "rightId-not-exist"})
_BOOLEANS = {"true": True, "false": False}
_EVERYTHING = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True, slots=True)
class Words:
    """How a document calls our side and the cloud's."""

    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class BlockReader:
    """Reads blocks into a draft. ``words`` are those of identities and networks."""

    draft: ConnectionDraft
    findings: Findings
    words: Words

    def say(
        self,
        node: Node | None,
        field: Field[T],
        parse: Callable[[str, Place, list[Fault]], T | Placeholder | None],
    ) -> None:
        """What the node says, if it is there and not empty."""
        if node is not None and node.text is not None:
            field.say(parse(node.text, node.place, self.findings.faults), node.place)

    def warn(self, node: Node, message: str) -> None:
        """A notice at the node."""
        self.findings.warnings.append(Notice(node.place.where, message))

    def ignore(self, node: Node | None, why: str) -> None:
        """Note that the node is deliberately not taken."""
        if node is not None:
            self.findings.ignored.append(Ignored(node.line, why))

    def read_networks(self, node: Node) -> None:
        """``LocalSubnet`` and ``RemoteSubnet``: selectors, several with commas between them."""
        narrow = False
        for side, field in ((self.words.theirs, self.draft.networks), (self.words.ours, self.draft.local_networks)):
            for place, part in _parts(spelled(node, f"{side}Subnet")):
                if part in _EVERYTHING:
                    why = "every network: what goes through the tunnels is decided by routing"
                    self.findings.ignored.append(Ignored(place.line, why))
                else:
                    field.say(parse_network(part, place, self.findings.faults), place)
                    narrow = True
        if narrow:
            message = "protected data flows: Alibaba Cloud offers these networks as selectors, ours narrow to them"
            self.warn(node, f"{message} with IKEv2 only")

    def read_ike(self, node: Node | None, tunnel: TunnelDraft) -> None:
        """``IkeConfig``: IKE's version, algorithms, lifetime, identities and key. IkePfs is its group."""
        if node is None:
            return
        self.say(look(node, "IkeVersion"), tunnel.ike_version, parse_ike_version)
        self.say(look(node, "IkeLifetime"), tunnel.ike_lifetime, _parse_lifetime)
        self.say(look(node, "Psk"), tunnel.psk, lambda text, at, faults: parse_psk(text, at, faults, ALIBABA))
        for side, field in ((self.words.ours, tunnel.local_id), (self.words.theirs, tunnel.remote_id)):
            identity = look(node, f"{side}Id")
            if identity and identity.text not in _NO_IDENTITY:
                self.say(identity, field, parse_identity)
        suite = self._suite(node, "Ike", optional=False)
        suite.compose(ike_proposals, tunnel.ike_proposals, self.findings.faults)
        mode, version = look(node, "IkeMode"), look(node, "IkeVersion")
        if mode and mode.text == "aggressive" and not (version and version.text == "ikev2"):
            message = "aggressive mode shows the key's hash to anyone who asks, and is not spoken: set main, or ikev2"
            self.warn(mode, message)

    def read_esp(self, node: Node | None, tunnel: TunnelDraft) -> None:
        """``IpsecConfig``: algorithms and lifetime; IpsecPfs may be ``disabled``."""
        if node is not None:
            self.say(look(node, "IpsecLifetime"), tunnel.esp_lifetime, _parse_lifetime)
            suite = self._suite(node, "Ipsec", optional=True)
            suite.compose(esp_proposals, tunnel.esp_proposals, self.findings.faults)

    def _suite(self, node: Node, phase: str, *, optional: bool) -> Suite:
        suite, faults = Suite(), self.findings.faults
        ciphers, hashes, groups = (look(node, f"{phase}{name}") for name in ("EncAlg", "AuthAlg", "Pfs"))
        if ciphers and ciphers.text:
            suite.read_ciphers(ciphers.text, ciphers.place, faults)
        if hashes and hashes.text:
            suite.read_hashes(hashes.text, hashes.place, faults)
        if groups and groups.text:
            suite.read_groups(groups.text, groups.place, faults, optional)
        return suite

    def read_bgp(self, node: Node, tunnel: TunnelDraft, words: Words) -> None:
        """One tunnel's ``BgpConfig``, in which ``words`` name the sides."""
        self.say(look(node, f"{words.ours}Asn"), self.draft.asn, parse_asn)
        self.say(look(node, f"{words.theirs}Asn"), self.draft.peer_asn, parse_asn)
        ours, theirs = look(node, f"{words.ours}BgpIp"), look(node, f"{words.theirs}BgpIp")
        cidr = look(node, "TunnelCidr")
        self.say(theirs, tunnel.peer_inside, parse_address)
        if cidr is None or cidr.text is None:
            return
        found = parse_interface(cidr.text, cidr.place, self.findings.faults)
        if found is None or isinstance(found, Placeholder):
            tunnel.inside.say(found, cidr.place)
        elif self._check_within(theirs, found.network) and self._check_within(ours, found.network):
            self._say_inside(ours or _other_host(found.network, theirs, cidr), found.network, tunnel)

    def _say_inside(self, ours: Node | None, network: IPNetwork, tunnel: TunnelDraft) -> None:
        """Our inside address, with the length of the tunnel's network."""
        if ours is not None and ours.text is not None:
            address = parse_address(ours.text, ours.place, self.findings.faults)
            if address is None or isinstance(address, Placeholder):
                tunnel.inside.say(address, ours.place)
            else:
                tunnel.inside.say(ip_interface(f"{address}/{network.prefixlen}"), ours.place)

    def _check_within(self, node: Node | None, network: IPNetwork) -> bool:
        address = _address(node)
        if node is None or address is None or address in network:
            return True
        message = "not an address of the tunnel's network"
        self.findings.faults.append(node.place.fault(message, found=str(address), allowed=f"a host of {network}"))
        return False

    def read_md5(self, node: Node | None) -> None:
        """``AuthKey``: a key of the BGP session, which we cannot give."""
        key = look(node, "AuthKey")
        if key is not None and key.text is not None:
            message = "the BGP session has an MD5 key, which is not taken over: while the customer gateway has AuthKey"
            self.warn(key, f"{message}, the session stays down; remove it there")

    def flag(self, node: Node | None) -> bool | None:
        """``true`` or ``false``; None when it is not there or neither."""
        if node is None or node.text is None:
            return None
        found = parse_choice(node.text, node.place, self.findings.faults, _BOOLEANS)
        return found if isinstance(found, bool) else None


def _parts(node: Node | None) -> Iterator[tuple[Place, str]]:
    """The words of a list in one text, or in several."""
    for item in node.items() if node else ():
        yield from ((item.place, part) for part in re.split(r"[,;\s]+", item.text or "") if part)


def _parse_lifetime(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    return parse_seconds(text, place, faults, 1, 86400)


def parse_identity(text: str, place: Place, faults: list[Fault]) -> str | Placeholder | None:
    """An identity is any text, mostly an address; not one that a publisher has masked."""
    if _MASKED.fullmatch(text) and not _is_address(text):
        if re.search(r"[xX*#]", text):
            return Placeholder(text)
        faults.append(place.fault("not an address", found=text, allowed="an address or a name"))
        return None
    return text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _address(node: Node | None) -> IPAddress | None:
    return ip_address(node.text) if node is not None and node.text and _is_address(node.text) else None


def _other_host(network: IPNetwork, theirs: Node | None, cidr: Node) -> Node | None:
    """The host that is left for us, as if the document said it where it has the network."""
    taken = _address(theirs)
    hosts = [host for host in network.hosts() if host != taken] if network.num_addresses == 4 else []
    return Node(str(hosts[0]), cidr.file, cidr.line, cidr.key) if len(hosts) == 1 else None


def finish_connection(draft: ConnectionDraft, findings: Findings) -> ReadConnection:
    """The connection. Our outside address, when no document names it, is our identity: by default the cloud takes that
    (API, CreateVpnConnection, RemoteId)."""
    for tunnel in draft.tunnels:
        take_identity(tunnel.public, tunnel.local_id)
    return finish(draft, findings)


def take_identity(address: Field[IPAddress], identity: Field[str]) -> None:
    """An outside address that nothing names is that side's identity, if it is an address, or its placeholder."""
    if address.place is not None or address.is_faulty or identity.place is None:
        return
    for text in (*identity.every(), *identity.stand_ins):
        if _is_address(text):
            address.say(ip_address(text), identity.place)
        elif text in identity.stand_ins:
            address.say(Placeholder(text), identity.place)
