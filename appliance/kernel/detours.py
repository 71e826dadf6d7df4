"""Detours: what leaves by one link is handed to another, by a filter at the end of the first (linux/pkt_cls.h).

Of such a filter Linux shows the action with a few bytes of our own, its cookie: all detours are found by one question,
whatever the number of links. Filters stand in the order in which they came, and the one that redirects comes last: at
no moment is anything taken along that should stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from errno import EEXIST, EINVAL, ENODEV, ENOENT, EOPNOTSUPP
from ipaddress import ip_network
from struct import Struct

from appliance.kernel.links import LinkFacts, standing
from appliance.kernel.wire import (
    CREATE,
    DEL_DISCIPLINE,
    DEL_FILTER,
    DUMP,
    EXCLUSIVE,
    GET_ACTION,
    NESTED,
    NEW_ACTION,
    NEW_DISCIPLINE,
    NEW_FILTER,
    Request,
    attribute,
    attributes,
    text,
)
from appliance.model.address import IPNetwork
from appliance.model.change import Change
from appliance.model.resources import Detour, Stay

INFO = Struct("=BxxxiIII")  # family, link, handle, parent, turn and protocol (struct tcmsg)
ACTION_INFO = Struct("=BxH")  # struct tcamsg
KIND, OPTIONS = 1, 2
SELECTOR, ACTIONS = 5, 7  # of u32
SELECTION = Struct("=BBBxHHhhI")  # flags, shift, number of keys, and what we do without (struct tc_u32_sel)
KEY = Struct(">II")  # mask and value, in the order of the packet's bytes
OFFSET = Struct("=ii")
TERMINAL = 1
ACTION_KIND, ACTION_OPTIONS, COOKIE = 1, 2, 6
PARMS = 2  # of mirred
REDIRECTION = Struct("=IIiiiiI")  # index, capabilities, verdict, two counts, what to do, the other link (tc_mirred)
STOLEN, OUT_THERE = 4, 1  # TC_ACT_STOLEN, TCA_EGRESS_REDIR
ALL_OF_THEM, FLAGS = Struct("=II").pack(1, 1), 2  # as many in one answer as it holds (TCA_ACT_FLAG_LARGE_DUMP_ON)
FIRST = 1

HOOKS, HOOKS_HANDLE, AT_THE_END = 0xFFFF_FFF1, 0xFFFF_0000, 0xFFFF_FFF3  # TC_H_CLSACT, and its egress
TURN = 173 << 16 | 0x0300  # our turn among others' filters; whatever the protocol (ETH_P_ALL, in the packet's order)
REHEARSED = 174 << 16 | 0x0300

MARK = b"appl"
TAG = Struct("=4sII")
"""Our mark, the link that is left, and a digest of what stays there."""

NEVER = tuple(map(ip_network, ("169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "fe80::/10", "ff00::/8")))
"""What is said to the other end of the link itself."""
_VERSION, _VERSIONS = 0xF000_0000, 0xD000_0000
"""Where in the first word of a packet its version is: 4 or 6, or so that both fit (0100 and 0110)."""


def dump_detours() -> Request:
    """Ask for every redirecting action. A kernel without such has none."""
    body = ACTION_INFO.pack(0, 0) + _nest(1, _nest(FIRST, text(ACTION_KIND, "mirred"))) + attribute(FLAGS, ALL_OF_THEM)
    return Request(GET_ACTION, DUMP, body, forgive=(EOPNOTSUPP, ENOENT))


def probe_redirection() -> Request:
    """Ask for an action that says nothing of what it is to do: EINVAL tells that the kernel knows its kind."""
    return Request(
        NEW_ACTION, CREATE | EXCLUSIVE, ACTION_INFO.pack(0, 0) + _nest(1, _nest(FIRST, text(ACTION_KIND, "mirred")))
    )


def rehearsal(link: LinkFacts) -> tuple[Request, ...]:
    """What a detour needs, but for redirecting anything, and its end: so that Linux has loaded what it takes before a
    tunnel falls silent. The last is to be sent only where the first was news."""
    return (
        Request(NEW_DISCIPLINE, CREATE | EXCLUSIVE, _hooks(link)),
        *(_filter(link, keys, turn=REHEARSED) for keys in _keys((None, NEVER[0]))),
        Request(DEL_FILTER, 0, _head(link, REHEARSED)),
        Request(DEL_DISCIPLINE, 0, _hooks(link)),
    )


def own_detours(bodies: Iterable[bytes], links: Mapping[int, LinkFacts]) -> Iterator[Detour]:
    """Those with our mark that leave a link which is still there. Where the other link has gone they lead nowhere."""
    for body in bodies:
        for action in attributes(attributes(body, ACTION_INFO.size).get(1, b"")).values():
            found = attributes(action)
            cookie, options = found.get(COOKIE, b""), attributes(found.get(ACTION_OPTIONS, b""))
            if len(cookie) != TAG.size or not cookie.startswith(MARK) or PARMS not in options:
                continue
            _, index, digest = TAG.unpack(cookie)
            other = links.get(REDIRECTION.unpack_from(options[PARMS])[6])
            if index in links:
                yield Detour(links[index].name, other.name if other else "", digest=digest)


def steps(change: Change, present: Mapping[str, LinkFacts]) -> tuple[Request, ...]:
    """The messages that carry out a change: the old filters go as one; of the new ones the redirecting one comes last.
    What the filters are hooked to stays: others may have hung theirs there."""
    resource = change.resource
    assert isinstance(resource, Detour)
    if change.new is None and resource.link not in present:
        return ()
    link = standing(resource.link, present)
    removal = Request(DEL_FILTER, 0, _head(link), forgive=(ENOENT, EINVAL, ENODEV, EOPNOTSUPP))
    if change.new is None:
        return (removal,)
    assert isinstance(change.new, Detour)
    other = standing(change.new.via, present)
    return (
        Request(NEW_DISCIPLINE, CREATE | EXCLUSIVE, _hooks(link), forgive=(EEXIST,)),
        removal,
        *(_filter(link, keys) for stay in change.new.stays for keys in _keys(stay)),
        *(_filter(link, keys) for network in NEVER for keys in _keys((None, network))),
        _filter(link, [(0x4000_0000, _VERSIONS, 0)], _redirection(link, other, change.new)),
    )


def _hooks(link: LinkFacts) -> bytes:
    return INFO.pack(0, link.index, HOOKS_HANDLE, HOOKS, 0) + text(KIND, "clsact")


def _head(link: LinkFacts, turn: int = TURN) -> bytes:
    return INFO.pack(0, link.index, 0, AT_THE_END, turn)


def _filter(link: LinkFacts, keys: list[tuple[int, int, int]], actions: bytes = b"", turn: int = TURN) -> Request:
    """Packets with these values under these masks at these places stay on the link, or do as the action says."""
    selection = SELECTION.pack(TERMINAL, 0, len(keys), 0, 0, 0, 0, 0)
    selection += b"".join(KEY.pack(mask, value) + OFFSET.pack(at, 0) for value, mask, at in keys)
    options = attribute(SELECTOR, selection) + (_nest(ACTIONS, actions) if actions else b"")
    return Request(NEW_FILTER, CREATE | EXCLUSIVE, _head(link, turn) + text(KIND, "u32") + _nest(OPTIONS, options))


def _redirection(link: LinkFacts, other: LinkFacts, detour: Detour) -> bytes:
    what = attribute(PARMS, REDIRECTION.pack(0, 0, STOLEN, 0, 0, OUT_THERE, other.index))
    cookie = attribute(COOKIE, TAG.pack(MARK, link.index, detour.digest))
    return _nest(FIRST, text(ACTION_KIND, "mirred") + _nest(ACTION_OPTIONS, what) + cookie)


def _keys(stay: Stay) -> Iterator[list[tuple[int, int, int]]]:
    """Value, mask and place of each word that counts."""
    ends = [(end, place) for end, place in zip(stay, ("source", "destination"), strict=True) if end is not None]
    versions = {end.version for end, _ in ends}
    if len(versions) == 1:
        (version,) = versions
        yield [
            (version << 28, _VERSION, 0),
            *(key for end, place in ends for key in _words(end, _PLACES[place, version])),
        ]


_PLACES = {("source", 4): 12, ("destination", 4): 16, ("source", 6): 8, ("destination", 6): 24}


def _words(network: IPNetwork, at: int) -> Iterator[tuple[int, int, int]]:
    value, mask = network.network_address.packed, network.netmask.packed
    for offset in range(0, len(value), 4):
        if any(mask[offset : offset + 4]):
            yield (
                int.from_bytes(value[offset : offset + 4], "big"),
                int.from_bytes(mask[offset : offset + 4], "big"),
                at + offset,
            )


def _nest(kind: int, payload: bytes) -> bytes:
    return attribute(kind | NESTED, payload)
