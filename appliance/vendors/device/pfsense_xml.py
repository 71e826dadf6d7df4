"""The configuration that pfSense and OPNsense (before its swanctl pages) save as XML: its ``ipsec`` section."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.model.fault import Fault
from appliance.vendors.device.assembly import Device, read_device
from appliance.vendors.device.cloud import profile_of
from appliance.vendors.device.rules import Rules
from appliance.vendors.device.statements import Statement
from appliance.vendors.draft import Reading
from appliance.vendors.settling import unreadable
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree

_ONE, _TWO = "phase1 N", "phase2 N"
_TABLE = (
    (f"{_ONE} iketype V", "phase1", "version"),
    (f"{_ONE} remote-gateway V", "phase1", "remote"),
    (f"{_ONE} myid_data V", "phase1", "identity"),
    (f"{_ONE} pre-shared-key V", "phase1", "psk"),
    (f"{_ONE} lifetime V", "phase1", "ike_lifetime"),
    (f"{_ONE} dpd_delay V", "phase1", "dpd_delay"),
    (f"{_ONE} dpd_maxfail V", "phase1", "dpd_retries"),
    (f"{_ONE} I cipher V", "phase1", "ike.cipher"),
    (f"{_ONE} I hash V", "phase1", "ike.hash"),
    (f"{_ONE} I group V", "phase1", "ike.group"),
    (f"{_TWO} lifetime V", "phase2", "esp_lifetime"),
    (f"{_TWO} pfsgroup V", "phase2", "esp.group"),
    (f"{_TWO} I cipher V", "phase2", "esp.cipher"),
    (f"{_TWO} I hash V", "phase2", "esp.hash"),
    (f"{_TWO} inside V", "phase2", "inside"),
    (f"{_TWO} peer-inside V", "phase2", "peer_inside"),
)
_DEVICE = Device(
    Rules(_TABLE, scope="nothing"),
    roots=("phase1",),
    kin={"phase1": ("phase2",)},
    never=frozenset({"asn", "peer_asn", "networks"}),
)
_PLAIN_1 = ("iketype", "remote-gateway", "myid_data", "pre-shared-key", "lifetime", "dpd_delay", "dpd_maxfail")
_SIZES = "256,128"
"""What ``auto`` stands for and every gateway has, stronger first."""


def parse(document: Document) -> list[Reading]:
    """The one connection of the document: its phase 1 entries that are not disabled."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, profile_of(document))
    ipsec = next((found for top in ("pfsense", "opnsense") if (found := root.find(top, "ipsec"))), root.find("ipsec"))
    return read_device(document, list(_statements(ipsec)) if ipsec else [], _DEVICE)


def _statements(ipsec: Node) -> Iterator[Statement]:
    names: dict[str, str] = {}
    for entry in ipsec.items("phase1"):
        number = _text(entry, "ikeid")
        if _is_on(entry):
            names[number] = f"{number} {_text(entry, 'descr')}".strip()
            yield from _phase1(entry, names[number])
    for entry in ipsec.items("phase2"):
        name = names.get(_text(entry, "ikeid"))
        if name is not None and _is_on(entry):
            yield from _phase2(entry, name)


def _is_on(entry: Node) -> bool:
    return not (isinstance(entry.value, dict) and "disabled" in entry.value)


def _phase1(entry: Node, name: str) -> Iterator[Statement]:
    for key in _PLAIN_1:
        yield from _said(entry.find(key), "phase1", name, key)
    suites = entry.items("encryption", "item") or [entry]  # one item each before pfSense 2.4.4, without the list
    for item, suite in enumerate(suites, start=1):
        yield from _cipher(suite.find("encryption-algorithm"), "phase1", name, str(item))
        yield from _said(suite.find("hash-algorithm"), "phase1", name, str(item), "hash")
        yield from _said(suite.find("dhgroup"), "phase1", name, str(item), "group")


def _phase2(entry: Node, name: str) -> Iterator[Statement]:
    yield from _said(entry.find("lifetime"), "phase2", name, "lifetime")
    group = entry.find("pfsgroup")
    if group is not None and group.text:
        yield Statement(("phase2", name, "pfsgroup", "none" if group.text == "0" else group.text), group.line, 0)
    for node in entry.items("encryption-algorithm-option"):
        yield from _cipher(node, "phase2", name, "1")
    for node in entry.items("hash-algorithm-option"):
        yield from _said(node, "phase2", name, "1", "hash")
    if _text(entry, "mode") in ("vti", "route-based"):
        ours = entry.find("localid", "address") or entry.find("tunnel_local")
        length = _text(entry, "localid", "netbits") or "32"
        if ours is not None and ours.text:
            yield Statement(("phase2", name, "inside", f"{ours.text}/{length}"), ours.line, 0)
        yield from _said(
            entry.find("remoteid", "address") or entry.find("tunnel_remote"), "phase2", name, "peer-inside"
        )


def _cipher(node: Node | None, *words: str) -> Iterator[Statement]:
    """A name and a size; the size of a GCM is that of its tag."""
    if node is None:
        return
    name, size = _text(node, "name"), _text(node, "keylen")
    sizes = (
        () if "gcm" in name or any(char.isdigit() for char in name) else (_SIZES if size == "auto" else size).split(",")
    )
    yield Statement((*words, "cipher", ",".join(f"{name}{each}" for each in sizes) or name), node.line, 0)


def _said(node: Node | None, *words: str) -> Iterator[Statement]:
    if node is not None and node.text:
        yield Statement((*words, node.text), node.line, 0)


def _text(node: Node, *way: str) -> str:
    found = node.find(*way)
    return (found.text or "") if found else ""
