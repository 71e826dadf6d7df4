"""The algorithms of one phase, which many formats spread over several lines or keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from appliance.model.fault import Fault
from appliance.vendors.draft import Field
from appliance.vendors.keywords import cipher, group, integrity
from appliance.vendors.values import Place

_OFF = frozenset({"disabled", "disable", "none", "no", "off"})


class Suite:
    """Ciphers, hashes and groups of IKE or ESP. A proposal is made only when all three were said."""

    def __init__(self) -> None:
        self._ciphers: Field[tuple[str, ...]] = Field()
        self._hashes: Field[tuple[str, ...]] = Field()
        self._groups: Field[tuple[str, ...]] = Field()

    def read_ciphers(self, text: str, place: Place, faults: list[Fault]) -> None:
        """``aes-128-cbc``, or several with commas between them."""
        self._ciphers.say(_parse_list(text, place, faults, cipher, "a cipher, as aes-256-cbc or aes-256-gcm"), place)

    def read_hashes(self, text: str, place: Place, faults: list[Fault]) -> None:
        """``sha1``, ``hmac-sha2-256-128``."""
        self._hashes.say(_parse_list(text, place, faults, integrity, "a hash, as sha1 or sha2-256"), place)

    def read_groups(self, text: str, place: Place, faults: list[Fault], optional: bool) -> None:
        """``Diffie-Hellman Group 2``; where it is ``optional``, ``disabled`` means no PFS."""
        if optional and text.lower() in _OFF:
            self._groups.say((), place)
        else:
            self._groups.say(_parse_list(text, place, faults, group, "a group, as Group 14"), place)

    def compose(
        self,
        combine: Callable[[Sequence[str], Sequence[str], Sequence[str]], tuple[str, ...]],
        into: Field[tuple[str, ...]],
        faults: list[Fault],
    ) -> None:
        """Say the proposals that the three lists make, at the place of the cipher."""
        fields = (self._ciphers, self._hashes, self._groups)
        ciphers, hashes = self._ciphers.settle(faults), self._hashes.settle(faults)
        groups, place = self._groups.settle(faults), self._ciphers.place
        if ciphers and hashes and groups is not None and place is not None:
            into.say(combine(ciphers, hashes, groups), place)
        into.is_faulty |= any(field.is_faulty for field in fields)


def _parse_list(
    text: str, place: Place, faults: list[Fault], read: Callable[[str], str | None], allowed: str
) -> tuple[str, ...] | None:
    found = [read(part) for part in re.split(r" ?[,;] ?| or ", text)]
    known = tuple(item for item in found if item)
    if len(known) == len(found):
        return tuple(dict.fromkeys(known))
    faults.append(place.fault("not an algorithm that we know", found=text or "nothing", allowed=allowed))
    return None
