"""Random connections as Google Cloud could have made them: documentation addresses, private ASNs, fake keys."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadEsp, ReadIke, ReadTunnel
from appliance.model.secret import Secret
from appliance.profiles.google import GOOGLE
from appliance.vendors.keywords import is_aead

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,3}", fullmatch=True)
HASHES = ["sha1", "sha256", "sha384", "sha512", "aesxcbc"]


@st.composite
def _proposals(draw: st.DrawFn) -> tuple[str, str]:
    """One proposal for each phase."""
    one, two = (draw(st.sampled_from(sorted(rules.encryption))) for rules in (GOOGLE.ike, GOOGLE.esp))
    group = draw(st.sampled_from(sorted(GOOGLE.ike.groups)))
    digest, other = draw(st.sampled_from(HASHES)), draw(st.sampled_from(HASHES))
    middle = f"prf{digest}" if is_aead(one) else digest if digest == other else f"{digest}-prf{other}"
    hashes = "" if is_aead(two) else f"-{draw(st.sampled_from(sorted(GOOGLE.esp.integrity)))}"
    return f"{one}-{middle}-{group}", f"{two}{hashes}-{group}"


@st.composite
def connections(draw: st.DrawFn, *, keys: bool) -> ReadConnection:
    """Two tunnels between two gateways. ``keys``: as Terraform knows them."""
    gateway, ours = draw(st.lists(NAMES, min_size=2, max_size=2, unique=True))
    remotes = draw(st.lists(st.integers(1, 254), min_size=2, max_size=2, unique=True))
    nets = draw(st.lists(st.integers(0, 2**14 - 1), min_size=2, max_size=2, unique=True))
    asns = draw(st.lists(st.integers(64512, 65534), min_size=2, max_size=2, unique=True))
    narrowed = draw(st.booleans())
    tunnels = []
    for remote, number in zip(remotes, nets, strict=True):
        net = IPv4Network((int(IPv4Address("169.254.0.0")) + 4 * number, 30))
        theirs, mine = draw(st.permutations([1, 2]))
        one, two = draw(_proposals())
        tunnels.append(
            ReadTunnel(
                remote=IPv4Network("198.51.100.0/24")[remote],
                public=IPv4Network("203.0.113.0/24")[draw(st.integers(1, 254))],
                inside=IPv4Interface((net[mine], 30)),
                peer_inside=net[theirs],
                psk=Secret(f"Fake.Key_{draw(st.integers(0, 10**12))}") if keys else None,
                ike=ReadIke(2, (one,) if narrowed else ()),
                esp=ReadEsp((two,) if narrowed else ()),
            )
        )
    return ReadConnection(
        name=gateway,
        cloud="gcp",
        id=f"{gateway}/{ours}",
        cloud_gateway=gateway,
        customer_gateway=ours,
        mode="bgp",
        asn=asns[0],
        peer_asn=asns[1],
        hold_time=draw(st.sampled_from([60, 180, None])),
        tunnels=tuple(tunnels),
    )


FIXED = ReadConnection(
    name="ha-gw",
    cloud="gcp",
    id="ha-gw/dc1",
    cloud_gateway="ha-gw",
    customer_gateway="dc1",
    mode="bgp",
    asn=65010,
    peer_asn=64600,
    hold_time=60,
    tunnels=tuple(
        ReadTunnel(
            remote=IPv4Address(f"198.51.100.{number}"),
            public=IPv4Address("203.0.113.202"),
            inside=IPv4Interface(f"169.254.{number}0.2/30"),
            peer_inside=IPv4Address(f"169.254.{number}0.1"),
            ike=ReadIke(2, ("aes256gcm16-prfsha384-ecp384",)),
            esp=ReadEsp(("aes256gcm16-ecp384",)),
        )
        for number in (1, 2)
    ),
)
WITH_KEYS = replace(
    FIXED,
    tunnels=tuple(replace(tunnel, psk=Secret(f"Fake.key_{turn}")) for turn, tunnel in enumerate(FIXED.tunnels)),
)
