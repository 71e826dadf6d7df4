"""What each cloud is to be told: our networks, other clouds', a default route; how much of it, and how."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.finding import Finding, connections_of, notice, within
from appliance.intent.overlaps import NetworkIndex
from appliance.model.address import IPNetwork
from appliance.model.intent import Connection, Intent, Tunnel
from appliance.model.profile import Profile


def announce_findings(intent: Intent, key: str, connection: Connection, profile: Profile | None) -> Iterator[Finding]:
    """Everything wrong with what one cloud is to be told."""
    own = connection.announce.networks
    place = f"{key}.announce.networks"
    networks = intent.site.networks if own is None else own
    about = ("site.networks", place)
    yield from _foreign_findings(intent, place, connection, own or ())
    if not networks:
        yield notice(place, connection.name, "nothing is announced: the cloud learns no way back to us",
                     fix="name site.networks", about=about)  # fmt: skip
    if profile:
        told = len(networks) + connection.announce.default_route
        yield from _quota_findings(place if own is not None else "site.networks", connection, told, profile)
    yield from _steering_findings(key, connection, profile)
    if connection.announce.default_route:
        yield from _default_findings(intent, key, connection, profile)


def _default_findings(intent: Intent, key: str, connection: Connection, profile: Profile | None) -> Iterator[Finding]:
    """A default route of ours: never against one of the cloud's own, and the Internet has to know whom to answer."""
    place = f"{key}.announce.default-route"
    if profile and not profile.takes_default:
        yield Finding(place, f"{profile.title} refuses a default route from us", found="true", fix="leave it out",
                      about=(f"{key}.cloud",))  # fmt: skip
    for other_key, other in connections_of(intent):
        about = (f"{other_key}.accept.default-route", f"{key}.speaker", f"{other_key}.speaker")
        if other.mode != "bgp" or not other.accept.default_route:
            continue
        if other_key == key:
            message = "a default route is taken from this cloud: each would send the other what it does not know"
            yield Finding(place, message, found="true", fix="ask for one of the two", about=about)
        elif connection.speaker == other.speaker == "frr":
            message = f"FRR would take this one itself, and not the one that {other.name} brings"
            yield Finding(place, message, found="true", fix="speaker: exabgp for one of the two", about=about)
    if not any(nat.out is not None and _beyond_ours(intent, nat.sources) for nat in intent.nat):
        message = "what the cloud sends to the Internet keeps its addresses, which nobody there may know"
        yield notice(place, connection.name, message, fix="name its networks under nat, type masquerade",
                     about=("nat",))  # fmt: skip


def _beyond_ours(intent: Intent, networks: tuple[IPNetwork, ...]) -> bool:
    """Whether a part of them is not ours."""
    return any(not any(within(network, ours) for ours in intent.site.networks) for network in networks)


def _foreign_findings(
    intent: Intent, place: str, connection: Connection, networks: tuple[IPNetwork, ...]
) -> Iterator[Finding]:
    """Only what is ours may be announced, and what lies behind another cloud: then the one reaches the other by us."""
    ours: NetworkIndex[None] = NetworkIndex()
    for network in intent.site.networks:
        ours.add(None, network)
    for other in intent.connections if networks else ():  # nothing to check: a thousand connections cost nothing
        for network in other.networks if other.name != connection.name and other.mode != "policy" else ():
            if network.prefixlen:
                ours.add(None, network)
    for index, network in enumerate(networks):
        if ours.containing(network) is None:
            allowed = ", ".join(map(str, intent.site.networks[:8])) or "site.networks is empty"
            message = "neither a network of the site nor of another connection"
            fix = None if network.prefixlen else "announce: {default-route: true}"
            yield Finding(f"{place}[{index}]", message, found=str(network), allowed=allowed, fix=fix,
                          about=("site.networks",))  # fmt: skip


def _quota_findings(key: str, connection: Connection, count: int, profile: Profile) -> Iterator[Finding]:
    least, most = profile.routes_to_cloud, profile.routes_to_cloud_most or profile.routes_to_cloud
    if count > most:
        message = f"more announcements than {profile.cloud} takes"
        yield Finding(key, message, found=str(count), allowed=f"at most {most}", fix="announce larger networks")
    elif count > least:
        message = f"{count} announcements: {profile.cloud}'s smaller gateways reset the session beyond {least}"
        yield notice(key, connection.name, message)


def _steering_findings(key: str, connection: Connection, profile: Profile | None) -> Iterator[Finding]:
    """AWS moves our traffic for its maintenance by MED, which works only while we treat both tunnels alike."""
    told = {_told(connection, tunnel) for tunnel in connection.tunnels}
    if profile and profile.cloud == "aws" and len(told) > 1:
        message = "tunnels are announced unequally: traffic from AWS prefers one, also while AWS works on it"
        yield notice(f"{key}.tunnels", connection.name, message)


def _told(connection: Connection, tunnel: Tunnel) -> tuple[int | None, int]:
    """MED and prepends that this tunnel's peer hears."""
    med, prepend = tunnel.announce.med, tunnel.announce.prepend
    said = connection.announce
    return (said.med if med is None else med, said.prepend if prepend is None else prepend)
