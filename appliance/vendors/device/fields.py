"""What a device says of a tunnel under one key: a value for one field of the draft."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_interface

from appliance.model.address import IPAddress
from appliance.model.fault import Fault
from appliance.model.profile import Profile
from appliance.vendors.device.cloud import is_behind_nat
from appliance.vendors.draft import TunnelDraft
from appliance.vendors.keywords import parse_ike_version
from appliance.vendors.psk import parse_psk
from appliance.vendors.values import Place, Placeholder, parse_address, parse_choice, parse_number, parse_seconds

_SWITCH = dict.fromkeys(("enable", "enabled", "yes", "forced"), True) | dict.fromkeys(
    ("disable", "disabled", "no"), False
)


def address_of(text: str) -> IPAddress | None:
    """The address, a length behind it dropped, or None."""
    try:
        return ip_interface(text).ip
    except ValueError:
        return None


def _limits(profile: Profile, phase: str) -> tuple[int, int]:
    rules = (profile.ike if phase == "ike" else profile.esp).lifetime
    return rules.low, rules.high


def _say_remote(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.remote.say(parse_address(text, place, faults), place)


def _say_identity(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    """How the device names itself: by its address as the cloud knows it, else by something that is a name only."""
    address = address_of(text)
    if re.fullmatch(r"<.*>|\$\{?\w+\}?", text) or (address is not None and not is_behind_nat(address)):
        tunnel.public.say(parse_address(text, place, faults), place)
    else:
        tunnel.local_id.say(text, place)


def _say_local(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    """The address that the device sends from: ours as the cloud knows it, unless a router translates it."""
    address = address_of(text)
    if address is not None and not is_behind_nat(address):
        tunnel.public.say(address, place)


def _say_psk(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    """The key, unless the device has encrypted it: Junos marks that with $9$, PAN-OS with -AQ==."""
    if re.match(r"\$[89]\$|-AQ==", text):
        tunnel.psk.say(Placeholder("encrypted by the device"), place)
        return
    tunnel.psk.say(parse_psk(text, place, faults, tunnel.profile), place)


def _say_version(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.ike_version.say(parse_ike_version(re.sub(r"-(only|preferred)$", "", text), place, faults), place)


def _say_ike_lifetime(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.ike_lifetime.say(parse_seconds(text, place, faults, *_limits(tunnel.profile, "ike")), place)


def _say_esp_lifetime(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.esp_lifetime.say(parse_seconds(text, place, faults, *_limits(tunnel.profile, "esp")), place)


def _say_delay(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.dpd_delay.say(parse_seconds(text, place, faults, 1, 3600), place)


def _say_retries(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.dpd_retries.say(parse_number(text, place, faults, 1, 100), place)


def _say_timeout(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.dpd_timeout.say(parse_seconds(text, place, faults, 1, 86400), place)


def _say_peer_inside(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.peer_inside.say(parse_address(re.split(r"[ /]", text)[0], place, faults), place)


def _say_mtu(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.mtu.say(parse_number(text, place, faults, 576, 1500), place)


def _say_mss(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.mss.say(parse_number(text, place, faults, 536, 1460), place)


def _say_nat_t(tunnel: TunnelDraft, text: str, place: Place, faults: list[Fault]) -> None:
    tunnel.nat_t.say(parse_choice(text, place, faults, _SWITCH), place)


READERS: dict[str, Callable[[TunnelDraft, str, Place, list[Fault]], None]] = {
    "remote": _say_remote,
    "identity": _say_identity,
    "local": _say_local,
    "psk": _say_psk,
    "version": _say_version,
    "ike_lifetime": _say_ike_lifetime,
    "esp_lifetime": _say_esp_lifetime,
    "dpd_delay": _say_delay,
    "dpd_retries": _say_retries,
    "dpd_timeout": _say_timeout,
    "peer_inside": _say_peer_inside,
    "mtu": _say_mtu,
    "mss": _say_mss,
    "nat_t": _say_nat_t,
}
"""Key -> how its text is read into the draft."""
