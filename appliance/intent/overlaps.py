"""Which known networks a network overlaps, in a time that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from appliance.model.address import IPNetwork

Owner = TypeVar("Owner")
_Prefix = tuple[int, int, int]  # IP version, prefix length, the bits of the prefix


class NetworkIndex(Generic[Owner]):
    """Networks with their owners. Of several that would answer a question, the one added first does."""

    def __init__(self) -> None:
        self._known: dict[_Prefix, tuple[Owner, IPNetwork]] = {}
        self._inside: dict[_Prefix, tuple[Owner, IPNetwork]] = {}

    def add(self, owner: Owner, network: IPNetwork) -> None:
        """Remember the network."""
        first, *outer = _enclosing(network)
        self._known.setdefault(first, (owner, network))
        for prefix in outer:
            self._inside.setdefault(prefix, (owner, network))

    def containing(self, network: IPNetwork) -> tuple[Owner, IPNetwork] | None:
        """A known network that ``network`` lies in or is."""
        return next((self._known[prefix] for prefix in _enclosing(network) if prefix in self._known), None)

    def overlapping(self, network: IPNetwork) -> tuple[Owner, IPNetwork] | None:
        """A known network that shares an address with ``network``."""
        return self.containing(network) or self._inside.get(next(_enclosing(network)))


def _enclosing(network: IPNetwork) -> Iterator[_Prefix]:
    """The network itself and every larger one around it."""
    bits, width, version = int(network.network_address), network.max_prefixlen, network.version
    for length in range(network.prefixlen, -1, -1):
        yield version, length, bits >> (width - length)
