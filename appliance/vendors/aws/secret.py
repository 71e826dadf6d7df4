"""The secret in which AWS keeps a connection's keys: a JSON mapping from the gateway's outside address to the key.

Either the secret itself (``--query SecretString --output text``) or the whole answer of ``get-secret-value``. It adds
to what another document describes.
"""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.profiles.aws import AWS
from appliance.vendors.draft import ConnectionDraft, Findings, Reading
from appliance.vendors.psk import parse_psk
from appliance.vendors.settling import finish, unreadable
from appliance.vendors.text import Document, parse_document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import parse_address


def parse(document: Document) -> list[Reading]:
    """A fragment: the keys of one connection's tunnels."""
    root = read_tree(document)
    secret = root if isinstance(root, Fault) else _secret(root)
    if isinstance(secret, Fault):
        return unreadable(secret, AWS)
    draft, findings = ConnectionDraft(AWS, is_fragment=True), Findings()
    for name, node in secret.value.items() if isinstance(secret.value, dict) else ():
        tunnel = draft.begin_tunnel(node.place)
        tunnel.remote.say(parse_address(name, node.place, findings.faults), node.place)
        if node.text:
            tunnel.psk.say(parse_psk(node.text, node.place, findings.faults, AWS), node.place)
    return [Reading(draft, findings, finish)]


def _secret(root: Node) -> Node | Fault:
    """The mapping, which an answer holds as a text."""
    text = root.find("SecretString")
    if text is None or text.text is None:
        return root
    found = read_tree(parse_document(text.file, text.text))
    if isinstance(found, Fault) or not isinstance(found.value, dict):
        return text.place.fault("not a secret of a VPN connection", allowed="JSON: an outside address, its key, ...")
    return _placed(found, text)


def _placed(node: Node, at: Node) -> Node:
    """What was read out of a text stands where the text does."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _placed(child, at) for key, child in value.items()}
    return Node(value, at.file, at.line, f"{at.key}.{node.key}" if node.key else at.key)
