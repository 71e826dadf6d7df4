"""What an intent must satisfy beyond its shape, offline: within itself, and against its clouds' rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.intent.finding import Finding, tunnels_of
from appliance.intent.rules_bgp import bgp_findings
from appliance.intent.rules_crypto import crypto_findings, psk_findings
from appliance.intent.rules_names import name_findings
from appliance.intent.rules_nat import nat_findings
from appliance.intent.rules_networks import network_findings
from appliance.intent.rules_policy import policy_findings
from appliance.intent.rules_probe import probe_findings
from appliance.intent.rules_static import path_findings
from appliance.intent.rules_tunnels import tunnel_findings
from appliance.intent.rules_underlay import underlay_findings
from appliance.model.fault import Fault, Notice
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.profile import Profile
from appliance.model.secret import Secret
from appliance.profiles import PROFILES

Judgement = tuple[tuple[Fault, ...], tuple[Notice, ...]]


def find_all(intent: Intent, profiles: Mapping[str, Profile] = PROFILES) -> tuple[Finding, ...]:
    """Every breach of every rule, by key."""
    return (
        *name_findings(intent),
        *tunnel_findings(intent, profiles),
        *network_findings(intent),
        *path_findings(intent),
        *underlay_findings(intent),
        *policy_findings(intent),
        *nat_findings(intent),
        *probe_findings(intent, profiles),
        *bgp_findings(intent, profiles),
        *crypto_findings(intent, profiles),
    )


def check_intent(intent: Intent, profiles: Mapping[str, Profile] = PROFILES) -> Judgement:
    """The faults and notices of an intent that has no text (yet): key paths without file and line."""
    return split(find_all(intent, profiles))


def check_psk(secret: Secret, cloud: str, key: str, profiles: Mapping[str, Profile] = PROFILES) -> tuple[Fault, ...]:
    """The faults of a pre-shared key for a tunnel of ``cloud``; ``key`` is the tunnel's psk key path."""
    profile = profiles.get(cloud)
    return tuple(finding.fault for finding in psk_findings(key, secret, profile)) if profile else ()


def check_numbers(
    intent: Intent, if_id: Callable[[Connection, Tunnel], int], interface: Callable[[Connection, Tunnel], str]
) -> tuple[Fault, ...]:
    """The faults of numbers and names that are derived by the given formulas: two tunnels that get the same one."""
    ids: dict[int, str] = {}
    links: dict[str, str] = {}
    faults = []
    for place in tunnels_of(intent):
        number, link = if_id(place.connection, place.tunnel), interface(place.connection, place.tunnel)
        other = ids.setdefault(number, place.key)
        if other != place.key:
            fix = "rename one tunnel, or give one an if-id"
            faults.append(Fault(f"{other} gets the same if_id", key=place.key, found=str(number), fix=fix))
        other = links.setdefault(link, place.key)
        if other != place.key:
            fix = "rename one tunnel, or give one an interface"
            faults.append(Fault(f"{other} gets the same interface name", key=place.key, found=link, fix=fix))
    return tuple(faults)


def split(findings: tuple[Finding, ...]) -> Judgement:
    """Faults and notices apart, each said once."""
    faults = (finding.fault for finding in findings if not finding.notice)
    notices = (finding.remark for finding in findings if finding.notice)
    return tuple(dict.fromkeys(faults)), tuple(dict.fromkeys(notices))
