"""What charon is asked, and how its connections and SAs are looked at. All talk is passed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from appliance.ipsec.status import parse_sas, plain

FEW = 20
"""Connections of which each is asked for by its name; more of them: all there are."""

Names = Sequence[str] | None
"""Connections to look at; None: all there are."""

Ids = Mapping[str, set[int]]
"""The unique ids of IKE_SAs, by connection."""

Request = tuple[str, Mapping[str, Any]]
"""A vici command and its message."""
Streamed = tuple[str, str, Mapping[str, Any]]
"""A vici command that answers in events, these, and its message."""

CONNECTIONS, SAS = ("list-conns", "list-conn"), ("list-sas", "list-sa")
"""The commands that list what there is, and their events."""


class Talk(Protocol):
    """A conversation with one charon. It raises SystemFailure when charon goes away."""

    def request(self, command: str, message: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command, its answer. Raises SystemFailure when charon refuses it."""

    def requests(self, wanted: Sequence[Request]) -> list[str | None]:
        """Many commands, carried out in order without waiting for each other's answers: what charon says against
        each, None for nothing."""

    def stream(self, command: str, event: str, message: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """One command that answers in events."""

    def streams(self, wanted: Sequence[Streamed]) -> list[list[Mapping[str, Any]]]:
        """Many of those, without waiting for each other's answers."""

    def together(
        self, wanted: Sequence[Request], streamed: Sequence[Streamed]
    ) -> tuple[list[str | None], list[list[Mapping[str, Any]]]]:
        """The one, then the other, without waiting in between."""

    def pause(self, seconds: float) -> None:
        """Let charon work."""


def ike_ids(talk: Talk, names: Names = None) -> dict[str, set[int]]:
    """The unique ids of the IKE_SAs that stand now, by connection."""
    return parse_ids(talk.streams(ask_about(SAS, names)))


def snapshots(talk: Talk, names: Names = None) -> dict[str, Any]:
    """Connections as ``list-conns`` shows them."""
    return parse_shown(talk.streams(ask_about(CONNECTIONS, names)))


def look_around(talk: Talk, names: Names) -> tuple[dict[str, Any], dict[str, set[int]]]:
    """Both at once."""
    asked = ask_about(CONNECTIONS, names), ask_about(SAS, names)
    found = talk.streams([*asked[0], *asked[1]])
    return parse_shown(found[: len(asked[0])]), parse_ids(found[len(asked[0]) :])


def ask_about(what: tuple[str, str], names: Names) -> list[Streamed]:
    """What lists these connections, or their SAs."""
    return [(*what, {})] if names is None else [(*what, {"ike": name}) for name in names]


def parse_shown(found: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, Any]:
    """Connections by their names, as they are listed."""
    return {name: plain(value) for message in chain.from_iterable(found) for name, value in message.items()}


def parse_ids(found: Iterable[Iterable[Mapping[str, Any]]]) -> dict[str, set[int]]:
    """The unique ids of the IKE_SAs in a list of SAs, by connection."""
    ids: dict[str, set[int]] = {}
    for sa in parse_sas([*chain.from_iterable(found)]):
        ids.setdefault(sa.name, set()).add(sa.ike_id)
    return ids


def key_ids(talk: Talk) -> list[str]:
    """The ids of all shared keys."""
    return [text.decode(errors="replace") for text in talk.request("get-shared").get("keys", [])]
