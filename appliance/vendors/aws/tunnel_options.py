"""One entry of ``TunnelOptions``, as ModifyVpnTunnelOptions sets it and DescribeVpnConnections shows it.

A list that is not there, or empty, means that AWS allows everything (User Guide, "Tunnel options for your AWS
Site-to-Site VPN connection"); a number that is not there, or 0, means its default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_interface

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.profiles.aws import AWS
from appliance.vendors.draft import Field, Findings, TunnelDraft
from appliance.vendors.keywords import cipher, esp_proposals, group, ike_proposals, integrity, is_aead
from appliance.vendors.psk import parse_psk
from appliance.vendors.tree import Node
from appliance.vendors.values import parse_address, parse_seconds

_MOST = 16
"""Proposals that we offer: each costs some 40 bytes of IKE_SA_INIT, which IKE cannot fragment (RFC 7383, section 2)."""
_BEST = (
    "aes256gcm16", "aes128gcm16", "aes256", "aes128",
    "sha384", "sha512", "sha256", "sha1",
    "ecp384", "ecp521", "ecp256", "modp3072", "modp4096", "modp6144", "modp8192", "modp2048", "modp2048s256",
    "modp2048s224", "modp1536", "modp1024", "modp1024s160",
)  # fmt: skip
"""Algorithms of AWS, the best of each kind first."""
_ANY = {"cipher": ("aes256gcm16", "aes256"), "hash": ("sha384",), "group": ("ecp384",)}
"""What we choose of a list that AWS leaves open where others of the phase were narrowed."""
_IGNORED = {
    "rekeymargintimeseconds": "when AWS rekeys: the appliance rekeys before",
    "rekeyfuzzpercentage": "when AWS rekeys: the appliance rekeys before",
    "replaywindowsize": "AWS's own window; the appliance's is as large as AWS's default",
    "dpdtimeoutaction": "what AWS does with a dead peer: the appliance starts the tunnel again in any case",
    "startupaction": "whether AWS starts the tunnel too: the appliance does in any case",
    "logoptions": "where AWS logs",
    "enabletunnellifecyclecontrol": "when AWS replaces the endpoint",
}
_READ = frozenset(
    {"outsideipaddress", "tunnelinsidecidr", "tunnelinsideipv6cidr", "presharedkey", "ikeversions"}
    | {f"phase{phase}{what}" for phase in "12" for what in ("dhgroupnumbers", "encryptionalgorithms")}
    | {f"phase{phase}{what}" for phase in "12" for what in ("integrityalgorithms", "lifetimeseconds")}
    | {"dpdtimeoutseconds"}
)


def read_options(node: Node, tunnel: TunnelDraft, findings: Findings) -> None:
    """Say everything in it; keys are plain (:func:`appliance.vendors.aws.shape.plain`)."""
    faults = findings.faults
    outside, key = node.find("outsideipaddress"), node.find("presharedkey")
    if outside is not None and outside.text:
        tunnel.remote.say(parse_address(outside.text, outside.place, faults), outside.place)
    if key is not None and key.text:
        tunnel.psk.say(parse_psk(key.text, key.place, faults, AWS), key.place)
    for name in ("tunnelinsidecidr", "tunnelinsideipv6cidr"):
        _read_inside(node.find(name), tunnel, findings)
    version = _read_versions(node, tunnel, findings)
    _Phase(node, "1", findings).compose(ike_proposals, tunnel.ike_proposals, aead=version != 1)
    _Phase(node, "2", findings).compose(esp_proposals, tunnel.esp_proposals, aead=True)
    for name, field, limits in (
        ("phase1lifetimeseconds", tunnel.ike_lifetime, (AWS.ike.lifetime.low, AWS.ike.lifetime.high)),
        ("phase2lifetimeseconds", tunnel.esp_lifetime, (AWS.esp.lifetime.low, AWS.esp.lifetime.high)),
        ("dpdtimeoutseconds", tunnel.dpd_timeout, (1, 86400)),
    ):
        number = node.find(name)
        if number is not None and number.text not in (None, "0"):
            field.say(parse_seconds(number.text or "", number.place, faults, *limits), number.place)
    _check_rekeying(node, findings)
    _note_others(node, findings)


def _check_rekeying(node: Node, findings: Findings) -> None:
    """AWS rekeys at a random time, from its margin and up to so much more before the end of a lifetime."""
    margin, fuzz = node.find("rekeymargintimeseconds"), node.find("rekeyfuzzpercentage")
    if margin is None or not (margin.text or "").isdecimal() or AWS.their_rekey is None:
        return
    percent = int(fuzz.text) if fuzz and fuzz.text and fuzz.text.isdecimal() else 100
    earliest = int(margin.text or "0") * (100 + percent) // 100
    if earliest > AWS.their_rekey.high:
        message = f"AWS rekeys up to {earliest} seconds before the end, which may be when we do"
        findings.warnings.append(Notice(margin.place.where, f"{message}: leave the margin at {AWS.their_rekey.low}"))


def _note_others(node: Node, findings: Findings) -> None:
    found = node.value.items() if isinstance(node.value, dict) else ()
    for name, other in found:
        if name in _READ or other.value in (None, "", [], {}):
            continue
        if name in _IGNORED:
            findings.ignored.append(Ignored(other.line, _IGNORED[name]))
        else:
            findings.warnings.append(Notice(other.place.where, f"{other.key}: not known, not taken over"))


def _read_inside(node: Node | None, tunnel: TunnelDraft, findings: Findings) -> None:
    """A network, perhaps with host bits set: AWS has its first host, we the second."""
    if node is None or not node.text:
        return
    try:
        network = ip_interface(node.text).network
        ours = ip_interface(f"{network[2]}/{network.prefixlen}")
    except (ValueError, IndexError):
        findings.faults.append(node.place.fault("not an inside network", found=node.text, allowed="A.B.C.D/30"))
        return
    tunnel.inside.say(ours, node.place)
    tunnel.peer_inside.say(network[1], node.place)


def _read_versions(node: Node, tunnel: TunnelDraft, findings: Findings) -> int | None:
    """The newest that AWS allows; without a list it allows both."""
    listed = node.find("ikeversions")
    words = [item.text or "" for item in _listed(node, "ikeversions")]
    known = [int(word[-1]) for word in words if word in ("ikev1", "ikev2")]
    if len(known) < len(words) and listed is not None:
        findings.faults.append(listed.place.fault("not IKE versions", found=", ".join(words), allowed="ikev1, ikev2"))
        return None
    tunnel.ike_version.say(max(known, default=2), (listed or node).place)
    return max(known, default=2)


def _listed(node: Node, name: str) -> list[Node]:
    """The values of a list, each a text or a mapping with ``Value``."""
    return [item.find("value") or item for item in node.items(name)]


class _Phase:
    """The three lists of one phase."""

    def __init__(self, node: Node, number: str, findings: Findings) -> None:
        self.findings = findings
        self.nodes = {
            "cipher": _listed(node, f"phase{number}encryptionalgorithms"),
            "hash": _listed(node, f"phase{number}integrityalgorithms"),
            "group": _listed(node, f"phase{number}dhgroupnumbers"),
        }

    def compose(
        self,
        combine: Callable[[Sequence[str], Sequence[str], Sequence[str]], tuple[str, ...]],
        into: Field[tuple[str, ...]],
        aead: bool,
    ) -> None:
        """Say the proposals that the lists allow; nothing when AWS allows everything. IKEv1 has no ``aead``."""
        first = next((nodes[0] for nodes in self.nodes.values() if nodes), None)
        if first is None:
            return
        ciphers = self._read("cipher", cipher, into)
        hashes, groups = self._read("hash", integrity, into), self._read("group", group, into)
        if into.is_faulty:
            return
        usable = [name for name in ciphers if aead or not is_aead(name)] or ciphers
        made = combine(usable, hashes, groups)
        if len(made) > _MOST:
            why = f"AWS allows {len(made)} combinations here: the best are offered"
            self.findings.ignored.append(Ignored(first.line, why))
            made = combine(_best_ciphers(usable), _best(hashes), _best(groups))
        into.say(made, first.place)

    def _read(self, kind: str, known: Callable[[str], str | None], into: Field[tuple[str, ...]]) -> tuple[str, ...]:
        found = []
        for node in self.nodes[kind]:
            word = known(node.text or "")
            if word is None:
                allowed = "as the EC2 API spells them"
                fault = node.place.fault(f"not a {kind} that we know", found=node.text or "nothing", allowed=allowed)
                self.findings.faults.append(fault)
                into.is_faulty = True
            else:
                found.append(word)
        return tuple(dict.fromkeys(found)) or _ANY[kind]


def _best(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: _BEST.index(name) if name in _BEST else len(_BEST))[:1]


def _best_ciphers(names: Sequence[str]) -> list[str]:
    """With integrity of its own, and without: some gateways between us count on one of them."""
    return [
        *_best([name for name in names if is_aead(name)]),
        *_best([name for name in names if not is_aead(name)]),
    ]
