"""The arguments of an updown script, in which hand-made configurations carry a tunnel's inside addresses.

Names and shorthands are those that AWS's guide and the scripts descended from it use: ``-ln`` link name, ``-ll`` and
``-lr`` our and the peer's inside address, ``-m`` mark, ``-l`` our network, ``-r`` networks behind the gateway.
"""

from __future__ import annotations

import re

from appliance.model.document import Ignored
from appliance.model.fault import Notice
from appliance.vendors.conn import UPDOWN, parse_networks
from appliance.vendors.draft import ConnectionDraft, Findings, TunnelDraft
from appliance.vendors.values import Place, parse_address, parse_interface

_OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)(?:[ =](<[^>]*>|[^\s\"'-][^\s\"']*))?")
_LONG = {
    "-ln": "--link-name",
    "-ll": "--link-local",
    "-lr": "--link-remote",
    "-m": "--mark",
    "-l": "--local-route",
    "-r": "--static-route",
}
_IGNORED = frozenset({"--link-name", "--mark"})


def read_updown(text: str, place: Place, draft: ConnectionDraft, tunnel: TunnelDraft, findings: Findings) -> None:
    """Take over what the line ``leftupdown="SCRIPT ARGUMENTS"`` says; an argument that is not known is warned of."""
    findings.ignored.append(Ignored(place.line, UPDOWN))
    if text.count('"') == 1:
        message = "the quote of leftupdown is never closed: its addresses are not read"
        findings.warnings.append(Notice(place.where, message))
        return
    for name, value in _OPTION.findall(text):
        _read_argument(
            _LONG.get(name, name), value, Place(place.file, place.line, f"leftupdown {name}"), draft, tunnel, findings
        )


def _read_argument(
    name: str, value: str, place: Place, draft: ConnectionDraft, tunnel: TunnelDraft, findings: Findings
) -> None:
    if name in _IGNORED:
        return
    if name == "--link-local":
        say_inside(tunnel, value, place, findings)
    elif name == "--link-remote":
        say_peer(tunnel, value, place, findings)
    elif name == "--static-route":
        parse_networks(value, place, draft.networks, findings)
    elif name == "--local-route":
        parse_networks(value, place, draft.local_networks, findings)
    else:
        findings.warnings.append(Notice(place.where, f"{name}: not an argument that we know, not taken over"))


def say_inside(tunnel: TunnelDraft, text: str, place: Place, findings: Findings) -> None:
    """Our inside address, with its length."""
    tunnel.inside.say(parse_interface(text, place, findings.faults), place)


def say_peer(tunnel: TunnelDraft, text: str, place: Place, findings: Findings) -> None:
    """The gateway's inside address; a length may stand behind it, which the inside network already has."""
    tunnel.peer_inside.say(parse_address(re.sub(r"/\d{1,3}$", "", text), place, findings.faults), place)
