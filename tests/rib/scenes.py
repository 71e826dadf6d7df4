"""Neighbours, what they say, and the choice as the standard words it: slowly, from scratch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, ip_address, ip_network

from hypothesis import strategies as st

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.bgp import Attributes, Opened, Origin, Update
from appliance.model.peering import BgpRouter, Neighbor, PrefixRule

OURS = 65010
ANY4 = (PrefixRule(False, ip_network("192.0.2.0/24"), le=32), PrefixRule(True, ip_network("0.0.0.0/0"), ge=1, le=28))
ANY6 = (PrefixRule(True, ip_network("::/0"), ge=1, le=48),)


def neighbor(number: int, *, asn: int = 64512, family: int = 4, **more: object) -> Neighbor:
    """The one at the other end of tunnel ``t<number>``."""
    far = f"169.254.{number}.5" if family == 4 else f"fd00:{number}::1"
    near = f"169.254.{number}.6" if family == 4 else f"fd00:{number}::2"
    settings: dict[str, object] = {"accept": ANY4 if family == 4 else ANY6, "max_prefixes": 1000, **more}
    return Neighbor(
        address=ip_address(far),
        local_address=ip_address(near),
        connection="vpc",
        tunnel=f"t{number}",
        peer_asn=asn,
        keepalive=10,
        hold=30,
        announce=(),
        **settings,  # type: ignore[arg-type]
    )


def router(*neighbors: Neighbor, **more: object) -> BgpRouter:
    """Our instance."""
    return BgpRouter(OURS, IPv4Address("192.0.2.1"), neighbors, (), **more)  # type: ignore[arg-type]


def attributes(*path: int, origin: Origin = Origin.IGP, med: int | None = None) -> Attributes:
    """A path that is one sequence."""
    return Attributes(origin, path, len(path), path[0] if path else None, med)


def offer(source: Neighbor, prefixes: Iterable[str], *path: int, **more: object) -> Update:
    """The neighbour offers these, over itself."""
    said = attributes(*(path or (source.peer_asn,)), **more)  # type: ignore[arg-type]
    return Update(source.address, said, tuple((ip_network(one), source.address) for one in prefixes))


def withdrawal(source: Neighbor, prefixes: Iterable[str]) -> Update:
    """The neighbour takes these back."""
    return Update(source.address, withdrawn=tuple(map(ip_network, prefixes)))


def opened(source: Neighbor, router_id: str) -> Opened:
    """The neighbour says who it is."""
    return Opened(source.address, source.peer_asn, router_id, 30)


Said = tuple[Neighbor, int, Attributes]
"""Who, its router id, what."""


def winners(said: Iterable[Said], always: bool = False) -> frozenset[IPAddress]:
    """RFC 4271, section 9.1.2.2, word by word, for external paths of one preference: a path goes out of the running
    when another beats it in the first thing in which they differ; those that only ties part share the traffic."""
    left = list(said)
    shortest = min((one.as_length for _, _, one in left), default=0)
    left = [one for one in left if one[2].as_length == shortest]
    lowest = min((one.origin for _, _, one in left), default=Origin.IGP)
    left = [one for one in left if one[2].origin == lowest]
    alive = [one for one in left if not any(_beats_by_med(other, one, always) for other in left)]
    return frozenset(who.address for who, _, _ in alive)


def _beats_by_med(one: Said, other: Said, always: bool) -> bool:
    return (always or one[2].first_as == other[2].first_as) and (one[2].med or 0) < (other[2].med or 0)


PREFIXES: tuple[IPNetwork, ...] = tuple(ip_network(f"10.{number}.0.0/16") for number in range(6))


def sayings(neighbors: Mapping[int, Neighbor]) -> st.SearchStrategy[Update]:
    """Anything that one of them may say of a few prefixes."""
    return st.builds(
        _saying,
        st.sampled_from(sorted(neighbors.values(), key=lambda one: one.tunnel)),
        st.sets(st.sampled_from(PREFIXES), min_size=1, max_size=3),
        st.one_of(
            st.none(),
            st.tuples(
                st.lists(st.sampled_from((64500, 64501, 64502)), max_size=2),
                st.sampled_from(tuple(Origin)),
                st.sampled_from((None, 0, 10, 20)),
            ),
        ),
    )


def _saying(who: Neighbor, prefixes: set[IPNetwork], said: tuple[list[int], Origin, int | None] | None) -> Update:
    chosen = sorted(prefixes, key=str)
    if said is None:
        return Update(who.address, withdrawn=tuple(chosen))
    path, origin, med = said
    given = attributes(who.peer_asn, *path, origin=origin, med=med)
    return Update(who.address, given, tuple((prefix, who.address) for prefix in chosen))
