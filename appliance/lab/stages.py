"""The stages a node goes through, and who waits for whom (containerlab's ``stages``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STAGES = ("create", "create-links", "configure", "healthy", "exit")

Step = tuple[str, str]
"""A node's name and one of its stages."""


def find_circle(nodes: Sequence[str], waits: Mapping[Step, Sequence[Step]]) -> list[Step]:
    """A chain of steps that would wait for itself, or []. A node's own stages follow one another."""
    needs: dict[Step, list[Step]] = {}
    for node in nodes:
        for before, stage in zip((None, *STAGES), STAGES, strict=False):
            own = [(node, before)] if before else []
            needs[node, stage] = [*own, *waits.get((node, stage), ())]
    done: set[Step] = set()
    for start in needs:
        circle = _walk(start, needs, done)
        if circle:
            return circle
    return []


def _walk(start: Step, needs: Mapping[Step, Sequence[Step]], done: set[Step]) -> list[Step]:
    """Depth first without recursion; ``done`` keeps the steps already known to be free of circles."""
    path: list[Step] = [start]
    ahead = [iter(needs.get(start, ()))]
    while path:
        step = next(ahead[-1], None)
        if step is None:
            done.add(path.pop())
            ahead.pop()
        elif step in path:
            return [*path[path.index(step) :], step]
        elif step not in done:
            path.append(step)
            ahead.append(iter(needs.get(step, ())))
    return []
