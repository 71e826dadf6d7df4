"""A connection's ``ipsecPolicies`` (REST API, IpsecPolicy). Without one Azure has a list of its own, which it keeps to
itself."""

from __future__ import annotations

from appliance.model.fault import Fault
from appliance.vendors.draft import TunnelDraft
from appliance.vendors.keywords import cipher, esp_proposals, group, ike_proposals, integrity, is_aead
from appliance.vendors.nodes import look, say
from appliance.vendors.tree import Node
from appliance.vendors.values import Place, Placeholder, parse_seconds

_GROUPS = {"dhgroup2048": "modp2048", "pfs2048": "modp2048"}
_PRFS = ("sha384", "sha256")
"""Which one the gateway takes next to GCM is not published: both are offered."""


def say_policy(tunnel: TunnelDraft, policy: Node, faults: list[Fault]) -> None:
    """One policy: a single algorithm for each purpose. Its lifetime is that of ESP."""
    say(look(policy, "salifetimeseconds"), tunnel.esp_lifetime, _parse_lifetime, faults)
    ike = _Words(policy, "ikeencryption", "ikeintegrity", "dhgroup", faults)
    if ike.encryption and ike.group and (ike.hash or is_aead(ike.encryption)):
        hashes = list(_PRFS) if is_aead(ike.encryption) else [ike.hash or ""]
        tunnel.ike_proposals.say(ike_proposals([ike.encryption], hashes, [ike.group]), ike.place)
    tunnel.ike_proposals.is_faulty |= ike.is_faulty
    esp = _Words(policy, "ipsecencryption", "ipsecintegrity", "pfsgroup", faults)
    exchange = ike.group if esp.same_as_ike else esp.group
    if esp.encryption and (esp.hash or is_aead(esp.encryption)) and look(policy, "pfsgroup") and not esp.is_faulty:
        groups = [exchange] if exchange else []
        tunnel.esp_proposals.say(esp_proposals([esp.encryption], [esp.hash or ""], groups), esp.place)
    tunnel.esp_proposals.is_faulty |= esp.is_faulty


class _Words:
    """The three words of one phase as keywords; None where there is none, and a fault where one is not known."""

    def __init__(self, policy: Node, encryption: str, digest: str, exchange: str, faults: list[Fault]) -> None:
        self.is_faulty = False
        self.place = (look(policy, encryption) or policy).place
        named = look(policy, exchange)
        self.same_as_ike = named is not None and (named.text or "").lower() == "pfsmm"
        self.encryption = self._read(look(policy, encryption), faults)
        self.hash = None if self.encryption and is_aead(self.encryption) else self._read(look(policy, digest), faults)
        self.group = None if self.same_as_ike else self._read(named, faults)

    def _read(self, node: Node | None, faults: list[Fault]) -> str | None:
        text = (node.text or "").lower() if node else ""
        if node is None or text in ("", "none"):
            return None
        found = cipher(text) or integrity(text) or _GROUPS.get(text) or group(text)
        if found is None:
            allowed = "Azure's spelling: AES256, GCMAES256, SHA384, DHGroup14, ECP384, PFS2048"
            faults.append(node.place.fault("not an algorithm that we know", found=node.text, allowed=allowed))
            self.is_faulty = True
        return found


def _parse_lifetime(text: str, place: Place, faults: list[Fault]) -> int | Placeholder | None:
    return parse_seconds(text, place, faults, 300, 604800)
