"""A swanctl.conf as Alibaba Cloud's strongSwan guide prints it, or another of that shape, with the commands and the
FRR configuration that stand beside it in a guide: inside addresses and AS numbers are in those only.

Its ``connections`` are the tunnels of one connection. Lifetimes: IKE's is rekey_time and over_time, a child's life_time
(swanctl.conf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from appliance.model.document import Ignored
from appliance.model.fault import Fault, Notice
from appliance.profiles.alibaba import ALIBABA
from appliance.vendors.alibaba.blocks import BlockReader, Words, finish_connection, parse_identity
from appliance.vendors.alibaba.swanctl_keys import say_keys
from appliance.vendors.alibaba.swanctl_routing import read_routing
from appliance.vendors.conn import UPDOWN
from appliance.vendors.device.cloud import is_behind_nat, profile_of
from appliance.vendors.draft import ConnectionDraft, Findings, Reading, TunnelDraft
from appliance.vendors.keywords import parse_esp_proposals, parse_ike_proposals, parse_ike_version
from appliance.vendors.settling import unreadable
from appliance.vendors.swanctl import read_swanctl
from appliance.vendors.text import Document
from appliance.vendors.tree import Node
from appliance.vendors.values import Place, Placeholder, parse_address, parse_network, parse_seconds

_NEVER = frozenset({"id"})
_EMPTY_KEY = "no section of secrets is for this tunnel"
_ALIBABA = re.compile(r"(?i)\b(alibaba|aliyun|alicloud)|\bvco-[0-9a-z]")
_EVERYTHING = frozenset({"0.0.0.0/0", "::/0", "dynamic", "%dynamic"})
_NO_ADDRESS = frozenset({"%any", "%any4", "%any6", "0.0.0.0", "0.0.0.0/0", "::", "::/0"})
_IGNORED: Mapping[str, str] = {
    "updown": UPDOWN,
    "if_id_in": "an interface's number: the appliance numbers its own",
    "if_id_out": "an interface's number: the appliance numbers its own",
    "mark_in": "a mark: the appliance's XFRM interface takes its place",
    "mark_out": "a mark: the appliance's XFRM interface takes its place",
    "priority": "a policy's priority: the appliance chooses among tunnels by routing",
    "start_action": "when a tunnel starts: the appliance starts it and keeps it up",
    "close_action": "the appliance always brings a closed tunnel up again",
    "dpd_action": "the appliance always restarts a dead tunnel",
    "keyingtries": "the appliance never gives up",
}


def parse(document: Document) -> list[Reading]:
    """The one connection of the document, whose ``connections`` are its tunnels."""
    profile = ALIBABA if _ALIBABA.search(document.text) else profile_of(document)
    root = read_swanctl(document)
    if isinstance(root, Fault):
        return unreadable(root, profile)
    draft, findings = ConnectionDraft(profile, never=_NEVER, empty_key=_EMPTY_KEY), Findings()
    connections = root.find("connections")
    names = connections.keys() if connections else []
    sections = [found for name in names if (found := root.find("connections", name))]
    if not sections:
        return unreadable(root.place.fault("no connection in it", fix="give the file that has them"), profile)
    for section in sections:
        _Section(draft, findings, section, draft.begin_tunnel(section.place)).read()
    say_keys(root.find("secrets"), draft, findings)
    read_routing(document, sections, draft, findings)
    return [Reading(draft, findings, finish_connection)]


class _Section:
    """One of ``connections``."""

    def __init__(self, draft: ConnectionDraft, findings: Findings, node: Node, tunnel: TunnelDraft) -> None:
        self.node = node
        self.tunnel = tunnel
        self.draft = draft
        self.findings = findings
        self.blocks = BlockReader(draft, findings, Words("local", "remote"))

    def read(self) -> None:
        node, tunnel, say = self.node, self.tunnel, self.blocks.say
        say(node.find("version"), tunnel.ike_version, parse_ike_version)
        self._say_outside()
        self._say_proposals(node.find("proposals"), parse_ike_proposals, ike=True)
        self._say_ike_lifetime()
        say(node.find("dpd_delay"), tunnel.dpd_delay, _parse_duration)
        say(node.find("dpd_timeout"), tunnel.dpd_timeout, _parse_duration)
        encap = node.find("encap")
        if encap is not None and encap.text in ("yes", "true", "1"):
            tunnel.nat_t.say(True, encap.place)
        children = node.find("children")
        names = children.keys() if children else []
        for name in names:
            self._read_child(children.find(name) if children else None)
        if len(names) > 1:
            message = f"{len(names)} children: the appliance has one for everything, and routes decide"
            self.findings.warnings.append(Notice(node.place.where, message))
        for each in node.walk():
            self._note(each)

    def _say_outside(self) -> None:
        """The two sides' addresses and identities. Our address, when it is a private one, is not the cloud's for us."""
        node, tunnel, say = self.node, self.tunnel, self.blocks.say
        for side, field in (("local", tunnel.local_id), ("remote", tunnel.remote_id)):
            identity = node.find(side, "id")
            if identity is not None and identity.text not in ("%any", None):
                say(identity, field, parse_identity)
            auth = node.find(side, "auth")
            if auth is not None and auth.text not in ("psk", None):
                message = "authentication that is not read"
                self.findings.faults.append(auth.place.fault(message, found=auth.text, allowed="psk"))
        remote, local = node.find("remote_addrs"), node.find("local_addrs")
        if remote is not None and remote.text not in _NO_ADDRESS:
            say(remote, tunnel.remote, parse_address)
        if local is not None and local.text and local.text not in _NO_ADDRESS and tunnel.local_id.place is None:
            address = parse_address(local.text, local.place, self.findings.faults)
            if address is None or isinstance(address, Placeholder) or not is_behind_nat(address):
                tunnel.public.say(address, local.place)

    def _say_proposals(
        self, node: Node | None, read: Callable[[str, Place, list[Fault]], tuple[str, ...] | None], *, ike: bool
    ) -> None:
        if node is not None and node.text not in ("default", None):
            self.blocks.say(node, self.tunnel.ike_proposals if ike else self.tunnel.esp_proposals, read)

    def _say_ike_lifetime(self) -> None:
        """Both parts must be said: what strongSwan makes of one alone is not what the cloud was told."""
        rekey, over = self.node.find("rekey_time"), self.node.find("over_time")
        if rekey is None or over is None or not rekey.text or not over.text:
            return
        found = [_parse_duration(node.text or "", node.place, self.findings.faults) for node in (rekey, over)]
        parts: list[int] = [part for part in found if isinstance(part, int)]
        if len(parts) == 2 and any(parts):
            self.tunnel.ike_lifetime.say(parts[0] + parts[1], rekey.place)

    def _read_child(self, child: Node | None) -> None:
        if child is None:
            return
        self._say_proposals(child.find("esp_proposals"), parse_esp_proposals, ike=False)
        self.blocks.say(child.find("life_time"), self.tunnel.esp_lifetime, _parse_duration)
        for name, field in (("remote_ts", self.draft.networks), ("local_ts", self.draft.local_networks)):
            node = child.find(name)
            for part in re.split(r"[,\s]+", node.text) if node and node.text else ():
                if node and part and part not in _EVERYTHING:
                    field.say(parse_network(part, node.place, self.findings.faults), node.place)

    def _note(self, node: Node) -> None:
        why = _IGNORED.get(node.key.rpartition(".")[2])
        if why is not None and node.text is not None:
            self.findings.ignored.append(Ignored(node.line, why))


def _parse_duration(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    return parse_seconds(text, place, faults, 0, 604800)
