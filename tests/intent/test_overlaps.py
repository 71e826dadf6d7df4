"""The index agrees with asking every known network."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from appliance.intent.finding import overlap, within
from appliance.intent.overlaps import NetworkIndex

Network = IPv4Network | IPv6Network
SOME = st.builds(
    lambda base, bits, length: ip_network((int(ip_network(base).network_address) + bits, length), strict=False),
    st.sampled_from(["10.0.0.0/32", "2001:db8::/128"]),
    st.integers(0, 255),
    st.integers(22, 32),
) | st.sampled_from([ip_network("0.0.0.0/0"), ip_network("::/0"), ip_network("2001:db8::7/128")])


@given(st.lists(SOME, max_size=6), SOME)
def test_the_index_agrees_with_asking_everyone(known: list[Network], asked: Network) -> None:
    index: NetworkIndex[int] = NetworkIndex()
    for number, network in enumerate(known):
        index.add(number, network)
    overlapping, containing = index.overlapping(asked), index.containing(asked)
    assert (overlapping is not None) == any(overlap(asked, network) for network in known)
    assert (containing is not None) == any(within(asked, network) for network in known)
    for found, holds in ((overlapping, overlap), (containing, within)):
        if found is not None:
            owner, network = found
            assert known.index(network) == owner
            assert holds(asked, network)
