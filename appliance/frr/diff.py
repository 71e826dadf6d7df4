"""From the configuration that stands to the one that should: commands that reset nothing which stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from appliance.frr.extra import belongs_to_zebra
from appliance.frr.tree import Tree, Where, setting

BGPD, MGMTD = "bgpd", "mgmtd"
"""mgmtd keeps what zebra and staticd are configured with (FRR 10)."""


Parts = Mapping[str, Tree]
"""What each daemon holds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line for one daemon, in the section ``where``; None: outside of configuration (a ``clear``)."""

    daemon: str
    where: Where | None
    line: str


def steps(had: Parts, want: Parts) -> tuple[Step, ...]:
    """What to send, in order. What is built comes before what uses it, and goes after it; a replacement stands before
    what it replaces goes; a filter that changes is for a moment too narrow, never too wide."""
    return (*_zebra_steps(had[MGMTD], want[MGMTD]), *_bgp_steps(had[BGPD], want[BGPD]))


def split(tree: Tree) -> Parts:
    """Which daemon holds what. A route-map is mgmtd's when zebra takes routes by it, bgpd's when BGP uses it."""
    top = tree.get((), [])
    zebra_lines = [line for line in top if belongs_to_zebra(line)]
    zebra_maps = {line.split()[-1] for line in zebra_lines if " route-map " in line}
    bgp_maps = {name for where, lines in tree.items() if where for line in lines for name in _maps_named(line)}
    zebra: Tree = {(): []}
    bgp: Tree = {(): [line for line in top if line not in zebra_lines]}
    for where, lines in tree.items():
        name = _map_of(where)
        if name in zebra_maps:
            zebra[where] = lines
        if where and (name not in zebra_maps or name in bgp_maps):
            bgp[where] = lines
    lists = {line.split()[-1] for where, inner in zebra.items() if where for line in inner if " prefix-list " in line}
    zebra[()] = [line for line in bgp[()] if _list_of(line) in lists] + zebra_lines
    return {MGMTD: zebra, BGPD: bgp}


def _zebra_steps(old: Tree, new: Tree) -> Iterator[Step]:
    added, removed = _lines(old[()], new[()], belongs_to_zebra)
    yield from _lists(MGMTD, old, new)
    yield from _maps(MGMTD, old, new)
    yield from (Step(MGMTD, (), line) for line in added)
    yield from (Step(MGMTD, (), _undo(line)) for line in removed)
    yield from _gone(MGMTD, old, new)


def _bgp_steps(old: Tree, new: Tree) -> Iterator[Step]:
    """An instance under another number goes first: FRR runs one at a time."""
    gone = [where for where in old if len(where) == 1 and _is_router(where) and where not in new]
    yield from (Step(BGPD, (), f"no {where[0]}") for where in gone)
    yield from _lists(BGPD, old, new)
    yield from _maps(BGPD, old, new)
    for where in new:
        if len(where) == 1 and _is_router(where):
            yield from _router(where, old, new)
    yield from _gone(BGPD, old, new)
    yield from _soft_clears(old, new)


def _router(router: Where, old: Tree, new: Tree) -> Iterator[Step]:
    """First all that is new or changed, then what goes; of a neighbour that goes, only itself."""
    wanted = [router] + [where for where in new if where[:1] == router and where != router]
    known = [where for where in old if where[:1] == router and where != router] + [router]
    stays = {name for line in new[router] if (name := _neighbor(line))}
    leaves = dict.fromkeys(name for line in old.get(router, []) if (name := _neighbor(line)) and name not in stays)
    for where in wanted:
        added, _ = _lines(old.get(where, []), new[where])
        yield from (Step(BGPD, where, line) for line in added)
        if not old.get(where) and not new[where]:
            yield Step(BGPD, where[:-1], where[-1])
    for where in known:
        _, removed = _lines(old.get(where, []), new.get(where, []))
        yield from (Step(BGPD, where, _undo(line)) for line in removed if _neighbor(line) not in leaves)
    for name in leaves:
        group = f"neighbor {name} peer-group" in old[router]
        yield Step(BGPD, router, f"no neighbor {name}{' peer-group' if group else ''}")


def _lists(daemon: str, old: Tree, new: Tree) -> Iterator[Step]:
    """Lists line by line: permits go before denies, and denies come before permits. All that goes, goes before
    anything comes: FRR ignores a line that stands under another number. Lists that vanish whole do so last."""
    named = {_list_of(line) for line in new[()]}
    added, removed = _lines(old[()], new[()], _is_list)
    shrunk = [line for line in removed if _list_of(line) in named]
    renewed = {setting(line) for line in added}
    shrunk += [line for line in old[()] if setting(line) in renewed and line not in added]
    for word in ("permit", "deny"):
        yield from (Step(daemon, (), _undo(line)) for line in shrunk if _action(line) == word)
    for word in ("deny", "permit"):
        yield from (Step(daemon, (), line) for line in added if _action(line) == word)
    others = [line for line in added if _action(line) is None]
    yield from (Step(daemon, (), line) for line in others)


def _maps(daemon: str, old: Tree, new: Tree) -> Iterator[Step]:
    for where, lines in new.items():
        if _map_of(where) is None:
            continue
        added, removed = _lines(old.get(where, []), lines)
        if where not in old and not lines:
            yield Step(daemon, (), where[0])
        yield from (Step(daemon, where, line) for line in added)
        yield from (Step(daemon, where, _undo(line)) for line in removed)


def _gone(daemon: str, old: Tree, new: Tree) -> Iterator[Step]:
    """Route-maps, then lists, that nobody uses any more."""
    yield from (Step(daemon, (), f"no {where[0]}") for where in old if _map_of(where) and where not in new)
    named = {_list_of(line) for line in new[()]}
    _, removed = _lines(old[()], new[()], _is_list)
    gone = [line for line in removed if _list_of(line) not in named]
    whole = dict.fromkeys(" ".join(line.split()[:3]) for line in gone if _action(line))
    yield from (Step(daemon, (), f"no {name}") for name in whole)
    yield from (Step(daemon, (), _undo(line)) for line in gone if not _action(line))


def _soft_clears(old: Tree, new: Tree) -> Iterator[Step]:
    """FRR looks at changed policy after five seconds by itself; asked to, at once, and only where it matters."""
    before, after = _policies(old), _policies(new)
    changed = {name for name in after if before.get(name, after[name]) != after[name]}
    for where, lines in new.items():
        for line in lines if where[-1:] and where[-1].startswith("address-family ") else ():
            words = line.split()
            known = line in old.get(where, [])
            if words[0] == "neighbor" and words[2:3] == ["route-map"] and words[3] in changed and known:
                family = where[-1].removeprefix("address-family ")
                yield Step(BGPD, None, f"clear bgp {family} {words[1]} soft {words[4]}")


def _policies(tree: Tree) -> dict[str, list[object]]:
    """Per route-map its entries with the lists they name: all that its verdict depends on."""
    lists: dict[str, list[str]] = {}
    for line in tree[()]:
        if name := _list_of(line):
            lists.setdefault(name, []).append(line)
    found: dict[str, list[object]] = {}
    for where, lines in tree.items():
        if name := _map_of(where):
            named = [sorted(lists.get(line.split()[-1], [])) for line in lines if line.startswith("match ")]
            found.setdefault(name, []).append((where, sorted(lines), named))
    return found


def _lines(old: Iterable[str], new: Iterable[str], which: object = None) -> tuple[list[str], list[str]]:
    """Lines to say, and lines to take back: a line whose setting is given anew need not be taken back."""
    chosen = which if callable(which) else (lambda line: True)
    before, after = [line for line in old if chosen(line)], [line for line in new if chosen(line)]
    said = set(before)
    settings = {setting(line) for line in after}
    wanted = set(after)
    added = [line for line in after if line not in said]
    removed = [line for line in before if line not in wanted and setting(line) not in settings]
    return added, removed


def _undo(line: str) -> str:
    """The opposite of a line. A description's text would be taken for more words of the command."""
    if line.startswith("no "):
        return line.removeprefix("no ")
    return f"no {' '.join(line.split()[:3]) if re.match('neighbor [^ ]+ description ', line) else line}"


def _is_router(where: Where) -> bool:
    return where[0].startswith("router bgp ")


def _neighbor(line: str) -> str | None:
    words = line.removeprefix("no ").split()
    return words[1] if words[0] == "neighbor" else None


def _map_of(where: Where) -> str | None:
    return where[0].split()[1] if len(where) == 1 and where[0].startswith("route-map ") else None


def _maps_named(line: str) -> list[str]:
    words = line.split()
    return [words[i + 1] for i, word in enumerate(words[:-1]) if word == "route-map"]


def _is_list(line: str) -> bool:
    return not belongs_to_zebra(line)


def _list_of(line: str) -> str | None:
    words = line.split()
    return words[2] if words[1:2] == ["prefix-list"] else None


def _action(line: str) -> str | None:
    found = re.match(r"ip(?:v6)? prefix-list \S+ (?:seq \d+ )?(permit|deny) ", line)
    return found[1] if found else None
