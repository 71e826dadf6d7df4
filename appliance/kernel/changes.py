"""From changes to messages and from acknowledgements to outcomes: who translates what, what may share a datagram."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from errno import EAGAIN, EBUSY, EINTR, ENOBUFS, ENODEV, ENOMEM, errorcode
from itertools import groupby
from typing import Protocol

from appliance.kernel import addresses, detours, links, nexthops, policies, routes, rules
from appliance.kernel.links import LinkFacts, delete_group, enter_group, free_group
from appliance.kernel.wire import Ack, Request
from appliance.model.change import Change, Outcome
from appliance.model.fault import SystemFailure
from appliance.model.resources import (
    Blackhole,
    Detour,
    InsideAddress,
    Nexthop,
    NexthopGroup,
    Resource,
    Route,
    Rule,
    XfrmLink,
    XfrmPolicy,
)

Links = Mapping[str, LinkFacts]

STEPS: Mapping[type, Callable[[Change, Links], tuple[Request, ...]]] = {
    XfrmLink: links.steps,
    InsideAddress: addresses.steps,
    Blackhole: routes.steps,
    Nexthop: nexthops.steps,
    NexthopGroup: nexthops.steps,
    Route: routes.steps,
    Rule: rules.steps,
    XfrmPolicy: policies.steps,
    Detour: detours.steps,
}
"""Per resource, the messages that carry out a change of it, each to be sent once the one before it succeeded."""

ON_LINKS = (XfrmLink, InsideAddress, Nexthop, Route, Detour)
FEW = 8
"""Links that are asked for one by one; more of them: all there are."""

PASSING = frozenset({EAGAIN, EBUSY, EINTR, ENOBUFS, ENOMEM})
"""What may go away by itself."""


class Talk(Protocol):
    """The kernel, as far as carrying out changes needs it."""

    def tell(self, requests: Sequence[Request]) -> Sequence[Ack]:
        """Send all, return the acknowledgement of each; a forgiven refusal is a success."""

    def links_by_name(self, names: Collection[str] | None = None) -> Links:
        """Every link there is now; of them only those, when given."""


def carry_out(changes: Sequence[Change], talk: Talk) -> tuple[Outcome, ...]:
    """All changes in order, batch by batch; a failed one stops none of the others."""
    outcomes: list[Outcome] = []
    present: Links | None = None
    concerned = links_concerned(changes)
    for batch in batches(changes):
        if present is None and not is_switch(batch[0]):
            present = talk.links_by_name(concerned)
        about_links = isinstance(batch[0].resource, XfrmLink)
        if about_links and batch[0].new is None and len(batch) > 1:
            outcomes += _remove_links(batch, talk, present or {})
        else:
            outcomes += _step_by_step(batch, talk, present or {})
        if about_links:
            present = None  # indexes came and went
    return tuple(outcomes)


def is_switch(change: Change) -> bool:
    """Whether it moves what goes over a group: one message, however many routes and links there are."""
    return isinstance(change.new, NexthopGroup)


def is_quick(changes: Sequence[Change]) -> bool:
    """Whether all that is to be done is to move traffic, or a few addresses, and done before another thread could have
    begun."""
    few = sum(isinstance(change.resource, (Detour, InsideAddress)) for change in changes)
    return few <= FEW and sum(map(is_switch, changes)) + few == len(changes)


def links_concerned(changes: Sequence[Change]) -> frozenset[str] | None:
    """The links that the changes name, where they are few; None: all. Links that go together need a group that no
    other is in."""
    ends = [one for change in changes for one in (change.old, change.new)]
    names = {one.name if isinstance(one, XfrmLink) else one.link for one in ends if isinstance(one, ON_LINKS)}
    names |= {one.via for one in ends if isinstance(one, Detour)}
    going = sum(isinstance(change.old, XfrmLink) and change.new is None for change in changes)
    return frozenset(name for name in names if name) if len(names) <= FEW and going < 2 else None


def batches(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Neighbours of one kind and verb: they do not depend on one another, so they may travel together."""
    for _, batch in groupby(changes, key=lambda change: (type(change.resource), change.verb)):
        yield list(batch)


def _step_by_step(batch: Sequence[Change], talk: Talk, present: Links) -> list[Outcome]:
    """The first steps of all, then the second steps of those whose first succeeded, and so on."""
    outcomes = [Outcome(change) for change in batch]
    todo: dict[int, tuple[Request, ...]] = {}
    for at, change in enumerate(batch):
        try:
            todo[at] = STEPS[type(change.resource)](change, present)
        except SystemFailure as failure:
            outcomes[at] = Outcome(change, failure.message, failure.retry)
    while todo := {at: requests for at, requests in todo.items() if requests}:
        acks = talk.tell([requests[0] for requests in todo.values()])
        for at, ack in zip(tuple(todo), acks, strict=True):
            outcomes[at] = outcome(batch[at], ack)
            todo[at] = () if ack.errno else todo[at][1:]
    return outcomes


def _remove_links(batch: Sequence[Change], talk: Talk, present: Links) -> list[Outcome]:
    """Many links at once: into a group that holds nothing else, then the group goes."""
    outcomes = [Outcome(change) for change in batch]
    group = free_group(present.values())
    entering: dict[int, Request] = {}
    for at, change in enumerate(batch):
        facts = present.get(getattr(change.old, "name", ""))
        if facts is not None and facts.is_ours:
            entering[at] = enter_group(facts, group)
        elif facts is not None:
            outcomes[at] = Outcome(change, f"interface {facts.name} is not ours")
    acks = dict(zip(entering, talk.tell(list(entering.values())), strict=True))
    entered = [at for at, ack in acks.items() if ack.errno == 0]
    if entered:
        (deletion,) = talk.tell((delete_group(group),))
        acks |= dict.fromkeys(entered, deletion)
    return [outcome(batch[at], acks[at]) if _matters(acks.get(at)) else was for at, was in enumerate(outcomes)]


def _matters(ack: Ack | None) -> bool:
    return ack is not None and ack.errno != ENODEV  # gone already is what was wanted


def outcome(change: Change, ack: Ack) -> Outcome:
    """How the change went, in a sentence that says what was tried, Linux's own words and the errno by name."""
    if ack.errno == 0:
        return Outcome(change)
    reason = f"{ack.text.rstrip('. ')} ({errorcode.get(ack.errno, str(ack.errno))})"
    return Outcome(change, f"cannot {change.verb} {title(change.resource)}: {reason}", retry=ack.errno in PASSING)


def title(resource: Resource) -> str:
    """What a person calls the thing."""
    match resource:
        case XfrmLink():
            return f"interface {resource.name}"
        case InsideAddress():
            return f"address {resource.address} on {resource.link}"
        case _:
            return resource.key
