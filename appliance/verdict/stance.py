"""How the BGP sessions of a connection are held: routes follow the verdict, and no session is lost for it."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.model.health import ConnectionVerdict, PathEvidence, PathVerdict
from appliance.model.peering import BEHIND, CLOSED, SHUT, Stances
from appliance.verdict.path import POOR, UP


def choose_stances(verdict: ConnectionVerdict, evidence: Mapping[str, PathEvidence]) -> Stances:
    """The stances of those tunnels that should not carry; all are open when none can.

    What a tunnel that works brings is kept behind the others, and takes over by itself when their sessions end. A
    session is ended only when its tunnel was silent for long, the far end was not heard either, and another session of
    the connection carries.
    """
    if not verdict.carrying:
        return {}
    another = any(evidence[name].bgp for name in verdict.carrying)
    idle = {name: path for name, path in verdict.paths.items() if name not in verdict.carrying}
    return {name: _choose(path, evidence[name], another=another) for name, path in idle.items()}


def _choose(path: PathVerdict, seen: PathEvidence, *, another: bool) -> str:
    if path.health in (UP, POOR) and not seen.drained:
        return BEHIND
    return SHUT if path.long_dead and another and not seen.drained else CLOSED
