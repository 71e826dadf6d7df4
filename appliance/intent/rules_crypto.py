"""Proposals, lifetimes and keys against what the cloud accepts; what is weak is said, not refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from appliance.intent.crypto import Proposal, parse_proposal, recommended, weak_choices
from appliance.intent.finding import Finding, Place, notice, tunnels_of
from appliance.model.algorithms import ADDITIONAL_GROUPS
from appliance.model.intent import Esp, Ike, Intent
from appliance.model.profile import PhaseRules, Profile
from appliance.model.secret import Secret


def crypto_findings(intent: Intent, profiles: Mapping[str, Profile]) -> Iterator[Finding]:
    """Everything wrong or weak in the tunnels' cryptography."""
    for place in tunnels_of(intent):
        profile = profiles.get(place.connection.cloud)
        yield from _proposal_findings(place, "ike", place.tunnel.ike.proposals, profile)
        yield from _proposal_findings(place, "esp", place.tunnel.esp.proposals, profile)
        yield from _dpd_findings(place)
        if profile:
            yield from _version_findings(place, profile)
            yield from _lifetime_findings(place, profile)
            yield from _weak_findings(place, profile)


def _proposal_findings(place: Place, phase: str, texts: tuple[str, ...], profile: Profile | None) -> Iterator[Finding]:
    for index, text in enumerate(texts):
        key = f"{place.key}.{phase}.proposals[{index}]"
        try:
            proposal = parse_proposal(text, phase)
        except ValueError as error:
            example = "aes256gcm16-prfsha384-ecp384" if phase == "ike" else "aes256gcm16-ecp384"
            yield Finding(key, str(error), found=text, allowed=f"strongSwan's keywords like {example}")
            continue
        if text in texts[:index]:
            yield Finding(key, "the proposal stands twice", found=text)
        if phase == "ike" and place.tunnel.ike.version == 1 and proposal.aead:
            message = "AES-GCM protects IKE only in version 2 (RFC 5282)"
            yield Finding(key, message, found=text, about=(f"{place.key}.ike.version",))
        if place.tunnel.ike.version == 1 and (proposal.additional_groups or len(proposal.groups) > 1):
            message = "IKEv1 knows one group a proposal: write one proposal for each"
            yield Finding(key, message, found=text, about=(f"{place.key}.ike.version",))
        if profile:
            yield from _accepted_findings(key, text, proposal, profile, phase, f"{place.connection_key}.cloud")


def _accepted_findings(
    key: str, text: str, proposal: Proposal, profile: Profile, phase: str, cloud_key: str
) -> Iterator[Finding]:
    """Each part is one that the cloud accepts in this phase."""
    rules = profile.ike if phase == "ike" else profile.esp
    for kind, offered, accepted in _parts(proposal, rules):
        refused = [word for word in offered if word not in accepted]
        if refused:
            message = f"{profile.cloud} does not accept {', '.join(refused)} as {phase.upper()} {kind}"
            allowed = ", ".join(sorted(accepted)) or "none"
            yield Finding(key, message, found=text, allowed=allowed, about=(cloud_key,))


def _parts(proposal: Proposal, rules: PhaseRules) -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    """(what it is, what is offered, what the cloud accepts). Clouds list hashes, not PRFs: the same names count."""
    return (
        ("encryption", proposal.encryption, rules.encryption),
        ("integrity", proposal.integrity, rules.integrity),
        ("PRF", proposal.prf, frozenset(f"prf{name}" for name in rules.integrity)),
        ("group", proposal.groups, rules.groups - ADDITIONAL_GROUPS),
        ("additional group", proposal.additional_groups, rules.groups & ADDITIONAL_GROUPS),
    )


def _version_findings(place: Place, profile: Profile) -> Iterator[Finding]:
    version = place.tunnel.ike.version
    if version not in profile.ike_versions:
        allowed = ", ".join(map(str, sorted(profile.ike_versions)))
        message = f"{profile.cloud} does not speak this IKE version"
        yield Finding(f"{place.key}.ike.version", message, found=str(version), allowed=allowed)


def _lifetime_findings(place: Place, profile: Profile) -> Iterator[Finding]:
    phases: tuple[tuple[str, Ike | Esp, PhaseRules], ...] = (
        ("ike", place.tunnel.ike, profile.ike),
        ("esp", place.tunnel.esp, profile.esp),
    )
    for phase, said, rules in phases:
        if said.lifetime is not None and said.lifetime not in rules.lifetime:
            allowed = f"{rules.lifetime.low} to {rules.lifetime.high} seconds"
            message = f"{profile.cloud} does not accept this {phase.upper()} lifetime"
            key = f"{place.key}.{phase}.lifetime"
            yield Finding(key, message, found=str(said.lifetime), allowed=allowed)
    ike = place.tunnel.ike.lifetime or profile.ike.default_lifetime
    esp = place.tunnel.esp.lifetime or profile.esp.default_lifetime
    if esp > ike:
        message = "the child SA would outlive its IKE SA"
        about = (f"{place.key}.ike.lifetime",)
        allowed = f"at most the IKE lifetime, {ike}"
        yield Finding(f"{place.key}.esp.lifetime", message, found=str(esp), allowed=allowed, about=about)


def _dpd_findings(place: Place) -> Iterator[Finding]:
    dpd, key = place.tunnel.dpd, f"{place.key}.dpd.timeout"
    if dpd.timeout is None:
        return
    if place.tunnel.ike.version == 2:
        message = "dpd.timeout counts for IKEv1 only; IKEv2 goes by its retransmissions (RFC 7296)"
        yield notice(key, place.tunnel.name, message, about=(f"{place.key}.ike.version",))
    if dpd.delay is not None and dpd.timeout < dpd.delay:
        allowed = f"at least the delay, {dpd.delay}"
        yield Finding(
            key, "shorter than the delay", found=str(dpd.timeout), allowed=allowed, about=(f"{place.key}.dpd",)
        )


def _weak_findings(place: Place, profile: Profile) -> Iterator[Finding]:
    """One notice a tunnel, with what this cloud accepts that is stronger."""
    weak = weak_choices(place.tunnel, profile)
    if not weak:
        return
    phases = ("IKE", "ESP")
    said = "; ".join(
        f"{phase} offers {', '.join(choice.keyword for choice in weak if choice.phase == phase)}"
        for phase in phases
        if any(choice.phase == phase for choice in weak)
    )
    ike, esp = recommended(profile)
    fix = f"{profile.cloud} accepts {ike.proposals[0]} with IKEv{ike.version} and {esp.proposals[0]} for ESP"
    about = (f"{place.key}.ike", f"{place.key}.esp", f"{place.connection_key}.cloud")
    yield notice(f"{place.key}.ike", place.tunnel.name, f"weak cryptography: {said}", fix=fix, about=about)


def psk_findings(key: str, secret: Secret, profile: Profile) -> tuple[Finding, ...]:
    """Whether the cloud can have this pre-shared key; no finding quotes any of it."""
    value = secret.reveal()
    if re.fullmatch(profile.psk_pattern, value):
        return ()
    if not value:
        return (Finding(key, "the pre-shared key is empty", allowed=profile.psk_rule),)
    blank = " (it has a space or line break at one end)" if value != value.strip() else ""
    message = f"{profile.cloud} has no such pre-shared key{blank}"
    return (Finding(key, message, found=f"{len(value)} characters", allowed=profile.psk_rule),)
