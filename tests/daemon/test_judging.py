"""What is judged anew and what is left as it is: nobody can tell the difference but by the time that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.daemon import judging
from appliance.daemon.judging import Judgement, Judges
from appliance.daemon.passes import parse_loaded
from appliance.daemon.published import Published
from appliance.daemon.publishing import held
from appliance.daemon.sensing import Senses
from appliance.daemon.wiring import read_templates
from appliance.design.wish import Wish
from appliance.model.health import ANSWERING, LOST, SUSPECT, Target, TargetHealth
from appliance.model.intent import Connection
from appliance.model.operation import Drain, Operations
from appliance.probe.targets import compose_targets
from tests.daemon.sites import TWO

WISH = Wish(parse_loaded(TWO, "site.yaml").intent, read_templates())
TUNNELS = ("vpc-1", "vpc-2", "lab-1", "lab-2")
TARGETS: Mapping[str, Target] = {
    target.tunnel: target
    for one in WISH.connections
    for target in compose_targets(one, {name: name for name in TUNNELS})
}


@dataclass
class World:
    """What is known of four tunnels, and two who judge it: one always all of it, one only what is news."""

    now: float = 1000.0
    senses: Senses = field(default_factory=Senses)
    healths: dict[str, tuple[TargetHealth, ...]] = field(default_factory=dict)
    judges: Judges = field(default_factory=Judges)
    lazy: Published = field(default_factory=Published)
    eager: Published = field(default_factory=Published)

    def __post_init__(self) -> None:
        self.senses.installed = dict.fromkeys(TUNNELS, True)
        self.healths = {name: (TargetHealth(target, since=self.now),) for name, target in TARGETS.items()}

    def becomes(self, name: str, state: str) -> None:
        (was,) = self.healths[name]
        if state == was.state:
            return
        lost_at = self.now - 0.3 if state == LOST else None
        answered_at = self.now if state == ANSWERING else was.answered_at
        self.healths[name] = (
            replace(was, state=state, since=self.now, lost_at=lost_at, answered_at=answered_at, streak=0),
        )

    def answers(self, name: str) -> None:
        """Once more; one that is lost is not good again by that."""
        (was,) = self.healths[name]
        if was.state in (ANSWERING, LOST):
            self.healths[name] = (replace(was, answered_at=self.now, streak=was.streak + 1, samples=60, rtt=0.01),)

    def judge(self) -> None:
        self.lazy = held(self.judges.judge(WISH, self.lazy, self.senses, self.healths, self.now))
        self.eager = held(Judges().judge(WISH, self.eager, self.senses, self.healths, self.now))

    def passes(self, seconds: float) -> None:
        """And whoever asked to be looked at again is, as the daemon does."""
        end = self.now + seconds
        while True:
            due = [one.look_again for one in self.lazy.judged if one.look_again is not None]
            self.now = max(self.now, min([end, *due]))
            if self.now >= end:
                return
            self.judge()


EVENTS = st.one_of(
    st.tuples(st.sampled_from(TUNNELS), st.sampled_from((ANSWERING, SUSPECT, LOST, "answers"))),
    st.tuples(st.sampled_from(TUNNELS), st.sampled_from(("sa falls", "sa rises", "drained", "undrained"))),
    st.tuples(st.just("time"), st.floats(0.01, 40)),
)


def happens(world: World, who: str, what: str | float) -> None:
    senses = world.senses
    assert senses.installed is not None
    if isinstance(what, float):
        world.passes(what)
    elif what.startswith("sa "):
        senses.installed = {**senses.installed, who: what == "sa rises"}
        senses._gone = {**senses._gone, who: world.now}
    elif what.endswith("drained"):
        drained = {name: one for name, one in senses.operations.drained.items() if name != who}
        more = {who: Drain(datetime.now(UTC))} if what == "drained" else {}
        senses.operations = Operations({**drained, **more})
    elif what == "answers":
        world.answers(who)
    else:
        world.becomes(who, what)
    world.judge()


def essence(published: Published) -> object:
    """All of it but words that count seconds, and when it is looked at again."""
    paths = {name: replace(path, why=None) for name, path in published.paths.items()}
    return published.carrying, published.stances, paths


@given(st.lists(EVENTS, max_size=25))
def test_what_is_left_as_it_is_would_have_been_judged_the_same(events: list[tuple[str, str | float]]) -> None:
    world = World()
    world.judge()
    for who, what in events:
        happens(world, who, what)
        assert essence(world.lazy) == essence(world.eager)


def test_who_answers_though_the_ike_daemon_knows_no_sa_is_heard_at_once() -> None:
    """A daemon that was restarted knows nothing of the SAs in the kernel, which go on: the next answer tells."""
    world = World()
    for event in [("vpc-1", ANSWERING), ("vpc-1", "answers"), ("vpc-1", "sa falls")]:
        happens(world, *event)
    assert world.lazy.paths["vpc-1"].health == "down"
    world.now += 0.1
    happens(world, "vpc-1", "answers")
    assert world.lazy.paths["vpc-1"].health == "up"


def test_the_news_of_one_connection_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for name in TUNNELS:
        world.becomes(name, ANSWERING)
    world.judge()
    judged: list[str] = []
    judge = judging._judge

    def note(connection: Connection, *rest: object) -> Judgement:
        judged.append(connection.name)
        return judge(connection, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "_judge", note)
    for name in TUNNELS:
        world.answers(name)
    world.lazy = held(world.judges.judge(WISH, world.lazy, world.senses, world.healths, world.now))
    assert judged == []
    world.becomes("vpc-1", LOST)
    world.lazy = held(world.judges.judge(WISH, world.lazy, world.senses, world.healths, world.now))
    assert judged == ["vpc"]
    assert world.lazy.carrying["vpc"] == ("vpc-2",)
    world.now += 1.0
    world.lazy = held(world.judges.judge(WISH, world.lazy, world.senses, world.healths, world.now))
    assert judged == ["vpc", "lab", "vpc"], "figures are looked at every second"
