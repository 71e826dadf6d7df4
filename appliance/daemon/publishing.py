"""Writes down what is held of every tunnel, when that is news: for the verbs, and for the daemon's own next life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from appliance.daemon.judging import Judgement
from appliance.daemon.published import Published, save_published
from appliance.daemon.sensing import Healths
from appliance.model.health import Target
from appliance.report.probing import describe_probe

FRESH = 5.0
"""Seconds after which what is told of the probes is told anew though nothing but figures changed."""


class Publisher:
    """Describing a thousand tunnels takes time that no switch should wait for: call it last, and often."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._outline: object = None
        self._told_at = 0.0

    def tell(self, published: Published, healths: Healths, now: float) -> Published:
        """With what is to be said of the probes now, or was when it was news."""
        outline = _outline(published, healths)
        if outline == self._outline and now - self._told_at < FRESH:
            return published
        self._outline, self._told_at = outline, now
        told = replace(published, probes={name: describe_probe(found) for name, found in healths.items()})
        save_published(self._run_dir, told)
        return told


def held(judged: Mapping[str, Judgement]) -> Published:
    """The verdicts alone."""
    return Published(
        verdicts={name: one.verdict for name, one in judged.items()},
        backups={name: one.backup for name, one in judged.items() if one.backup is not None},
        stances={tunnel: stance for one in judged.values() for tunnel, stance in one.stances.items()},
    )


def known(targets: Iterable[Target], published: Published) -> dict[Target, str]:
    """The states of targets as they were last told: a daemon that was restarted knows who ever answered."""
    told = {
        (tunnel, one["target"]): str(one["state"])
        for tunnel, probe in published.probes.items()
        for one in probe["targets"]
    }
    return {target: told[key] for target in targets if (key := (target.tunnel, target.name)) in told}


def _outline(published: Published, healths: Healths) -> object:
    """What is worth telling at once; the rest of the probes changes with every answer."""
    states = {name: [health.state for health in found] for name, found in healths.items()}
    judged = [replace(verdict, look_again=None) for verdict in published.judged]
    return tuple(published.verdicts), judged, published.stances, states
