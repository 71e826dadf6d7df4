"""An ipsec.secrets alone: keys by the addresses of both ends, which another document's tunnels have too."""

from __future__ import annotations

from appliance.model.document import Ignored
from appliance.vendors.device.cloud import profile_of
from appliance.vendors.device.secret_line import SecretLine, match_secret
from appliance.vendors.draft import ConnectionDraft, Findings, Reading
from appliance.vendors.settling import finish
from appliance.vendors.text import Document, Line
from appliance.vendors.values import Place, Placeholder, parse_address

_NEVER = frozenset({"id", "asn", "peer_asn", "networks", "inside", "peer_inside", "version", "proposals"})


def parse(document: Document) -> list[Reading]:
    """A connection of one tunnel for each line: which belong together, the other documents tell."""
    secrets = [(match_secret(line.text), line) for line in document.lines if not line.text.startswith("#")]
    return [_reading(document, secret, line) for secret, line in secrets if secret is not None]


def _reading(document: Document, secret: SecretLine, line: Line) -> Reading:
    profile, findings = profile_of(document), Findings()
    draft = ConnectionDraft(profile, never=_NEVER, is_fragment=True)
    place = Place(document.path, line.number, "PSK")
    who = [name for name in secret.who if not name.startswith(("%", "@"))]
    if not who:
        findings.ignored.append(Ignored(line.number, "a key for any peer: which tunnel's it is, it does not say"))
        return Reading(draft, findings, finish)
    tunnel = draft.begin_tunnel(place)
    addresses = [parse_address(name, place, findings.faults) for name in who[:2]]
    tunnel.remote.say(addresses[-1], place)
    if len(addresses) == 2:
        tunnel.public.say(addresses[0], place)
    if not isinstance(addresses[-1], Placeholder):
        tunnel.psk.say(secret.parse_key(place, findings.faults, profile), place)
    return Reading(draft, findings, finish)
