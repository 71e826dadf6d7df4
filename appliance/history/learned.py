"""The prefixes a connection ever taught us, as text: they stay protected until the connection is removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_network

from appliance.model.address import IPNetwork
from appliance.model.machine import Learned


def add_learned(known: Learned, connection: str, networks: Iterable[IPNetwork]) -> Learned:
    """What was known and what is new, sorted. The same value when nothing is new."""
    before = known.get(connection, ())
    if not (fresh := set(networks) - set(before)):
        return known
    return {**known, connection: tuple(sorted({*before, *fresh}, key=_place))}


def forget_learned(known: Learned, connection: str) -> Learned:
    """Without the prefixes of one connection."""
    return {name: networks for name, networks in known.items() if name != connection}


def render_learned(known: Learned) -> str:
    """The file: connections and prefixes sorted, so that equal knowledge is equal text."""
    value = {name: [str(network) for network in networks] for name, networks in sorted(known.items())}
    return json.dumps({"schema": 1, "learned": value}, indent=1) + "\n"


def parse_learned(text: str) -> Learned:
    """What :func:`render_learned` wrote. ValueError for anything else."""
    value = json.loads(text)
    found = value.get("learned") if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError("not a list of learned prefixes")
    return {str(name): tuple(ip_network(text) for text in networks) for name, networks in found.items()}


def _place(network: IPNetwork) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen
