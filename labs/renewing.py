"""New keys for tunnels between the appliance, node ``gw``, and their far ends: asked for by either side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from checking import wait_for
from observing import charon, sas

BOX = "gw"


class Tunnel(Protocol):
    """The cloud's outside address, and the node that has it."""

    @property
    def remote(self) -> str: ...

    @property
    def end(self) -> str: ...


def rekey_everything(tunnels: Iterable[Tunnel], kinds: Sequence[str] = ("child", "ike")) -> None:
    """New IKE SAs (``ike``) and children (``child``) of all these tunnels at once, asked for by us, then by the
    cloud."""
    all_of_them = tuple(tunnels)
    for kind in kinds:
        for is_ours in (True, False):
            before = [_generation(kind, tunnel) for tunnel in all_of_them]
            for tunnel in all_of_them:
                where, outside = (BOX, "remote-host") if is_ours else (tunnel.end, "local-host")
                _rekey(where, kind, tunnel, outside)
            for tunnel, old in zip(all_of_them, before, strict=True):
                what = f"a new {kind} SA to {tunnel.remote}, asked for by {'us' if is_ours else 'the cloud'}"
                wait_for(partial(_is_new, kind, tunnel, old), 60, what)


def _rekey(where: str, kind: str, tunnel: Tunnel, outside: str) -> None:
    sa = _established(where, outside, tunnel)[0]
    with charon(where) as session:
        if kind == "ike":
            session.rekey({"ike-id": sa["uniqueid"]})
        else:
            session.rekey({"child-id": next(_installed(sa))["uniqueid"]})


def _established(where: str, outside: str, tunnel: Tunnel) -> list[dict[str, Any]]:
    """A node's IKE SAs of the tunnel; ``outside`` is the side the cloud is on (``local-host``, ``remote-host``)."""
    return [sa for sa in sas(where) if sa[outside] == tunnel.remote and sa["state"] == "ESTABLISHED"]


def _installed(sa: dict[str, Any]) -> Any:
    return (child for child in sa["child-sas"] if child["state"] == "INSTALLED")


def _generation(kind: str, tunnel: Tunnel) -> set[str]:
    """What tells the appliance's present SAs of a tunnel from those after a rekey."""
    if kind == "ike":
        return {sa["initiator-spi"] for sa in _established(BOX, "remote-host", tunnel)}
    return {child["spi-in"] for sa in sas(BOX) if sa["remote-host"] == tunnel.remote for child in _installed(sa)}


def _is_new(kind: str, tunnel: Tunnel, before: set[str]) -> bool:
    """Whether the old generation is gone and a new one stands."""
    now = _generation(kind, tunnel)
    return bool(now) and not now & before
