"""One rule at a time: a good intent, one change, and what is said about it."""

from __future__ import annotations

import copy
import re
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from appliance.intent.read import locate, read_intent
from appliance.intent.rules import check_intent, check_numbers, check_psk
from appliance.intent.write import write_intent
from appliance.model.intent import Connection, ConnectionProbe, Failback, Intent, ProbeTarget, Probing, Tunnel
from appliance.model.secret import Secret
from tests.intent.intents import INTENTS

CLEAN_TEXT = (Path(__file__).parent / "cases/clean.yaml").read_text()
CLEAN = yaml.safe_load(CLEAN_TEXT)
T0, T1 = "connections[0].tunnels[0]", "connections[0].tunnels[1]"


def changed(changes: dict[str, Any]) -> str:
    """The clean intent with values put at key paths; None removes."""
    document = copy.deepcopy(CLEAN)
    for path, value in changes.items():
        steps: list[Any] = [int(step) if step.isdecimal() else step for step in re.findall(r"[^.\[\]]+", path)]
        target = document
        for step, following in pairwise(steps):
            if isinstance(step, str):
                target = target.setdefault(step, [] if isinstance(following, int) else {})
            else:
                if step == len(target):
                    target.append({})
                target = target[step]
        if value is None:
            del target[steps[-1]]
        elif isinstance(target, list) and steps[-1] == len(target):
            target.append(value)
        else:
            target[steps[-1]] = value
    return yaml.safe_dump(document)


STATIC = {"connections[0].mode": "static", "connections[0].networks": ["10.1.0.0/16"]}
FALLBACK = {"connections[0].fallback": "static", "connections[0].networks": ["10.2.0.0/16"]}


DEFAULT = "connections[0].announce.default-route"
OUTWARD = {DEFAULT: True, "uplinks": [{"name": "isp1", "interface": "eth0"}],
           "nat": [{"type": "masquerade", "out": "isp1", "from": ["10.0.0.0/8"]}]}  # fmt: skip


def by_gateway(gateway: str, **more: str) -> dict[str, Any]:
    return {"uplinks": [{"name": "isp1", "interface": "eth0", "gateway": gateway, **more}]}


FAULTS = [
    # inside addresses
    ({f"{T0}.inside": "169.254.23.6/29"}, f"{T0}.inside", "aws gives every tunnel a /30"),
    ({f"{T0}.inside": "10.0.0.2/30", f"{T0}.peer-inside": "10.0.0.1"}, f"{T0}.inside", "not from where aws takes"),
    ({f"{T0}.inside": "169.254.169.254/30", f"{T0}.peer-inside": "169.254.169.253"}, f"{T0}.inside", "keeps this"),
    ({f"{T0}.inside": "169.254.23.7/30"}, f"{T0}.inside", "not a host of 169.254.23.4/30"),
    ({f"{T0}.inside": "169.254.23.6/32"}, f"{T0}.inside", "no room for the other end"),
    ({f"{T0}.peer-inside": "169.254.23.9"}, f"{T0}.peer-inside", "not in our network"),
    ({f"{T0}.peer-inside": "169.254.23.7"}, f"{T0}.peer-inside", "not a host of"),
    ({f"{T0}.peer-inside": "169.254.23.6"}, f"{T0}.peer-inside", "the same address at both ends"),
    ({f"{T0}.peer-inside": None}, f"{T0}.peer-inside", "missing: the cloud's end of 169.254.23.6/30"),
    ({f"{T0}.inside": None}, f"{T0}.inside", "missing: our end of 169.254.23.5"),
    ({f"{T0}.inside": None, f"{T0}.peer-inside": None}, f"{T0}.inside", "missing: BGP needs an address at either end"),
    ({f"{T1}.inside": "169.254.23.6/30", f"{T1}.peer-inside": "169.254.23.5"}, f"{T1}.inside", "shares its network"),
    ({f"{T0}.inside6": "fd00::2/126", f"{T0}.peer-inside6": "fd00::1"}, f"{T0}.inside6", "IPv4 or IPv6 in a tunnel"),
    ({f"{T0}.inside6": "2001:db8::2/126", f"{T0}.peer-inside6": "2001:db8::1"}, f"{T0}.inside6", "not from where aws"),
    ({f"{T0}.inside6": "fd00::2/64", f"{T0}.peer-inside6": "fd00::1"}, f"{T0}.inside6", "every tunnel a /126"),
    # outside addresses, sizes, names
    ({f"{T0}.remote": "127.0.0.1"}, f"{T0}.remote", "no gateway can have this address"),
    ({f"{T0}.remote": "fe80::1"}, f"{T0}.remote", "no gateway can have this address"),
    ({f"{T1}.remote": "198.51.100.7"}, f"{T1}.remote", "goes there already by the same uplink"),
    ({f"{T0}.mtu": 1400, f"{T0}.mss": 1361}, f"{T0}.mss", "does not fit the MTU"),
    ({f"{T0}.psk": None}, f"{T0}.psk", "missing: a tunnel needs its pre-shared key"),
    ({f"{T1}.name": "vpc-1"}, f"{T1}.name", f"{T0}.name has it already"),
    ({f"{T0}.interface": "x", f"{T1}.interface": "x"}, f"{T1}.interface", f"{T0}.interface has it already"),
    ({f"{T0}.name": "a/b"}, f"{T0}.name", "not allowed here"),
    ({f"{T0}.name": "a\nneighbor x"}, f"{T0}.name", "not allowed here"),
    ({f"{T0}.name": "-x"}, f"{T0}.name", "not allowed here"),
    ({f"{T0}.local-id": 'x" }'}, f"{T0}.local-id", "not allowed here"),
    ({"frr-extra": "a b"}, "frr-extra", "not allowed here"),
    ({"connections[0].id": "a\nb"}, "connections[0].id", "not allowed here"),
    # BGP
    ({"site.asn": None}, "site.asn", "missing: BGP needs our AS number"),
    ({"site.asn": 64512}, "connections[0].peer-asn", "the cloud has our own AS number"),
    ({f"{T1}.peer-asn": 65010}, f"{T1}.peer-asn", "the cloud has our own AS number"),
    ({"connections[0].asn": 9059}, "connections[0].asn", "aws keeps this AS number"),
    ({"site.asn": 23456}, "site.asn", "AS_TRANS"),
    ({"site.asn": 0}, "site.asn", "out of range"),
    ({"site.asn": 2**32}, "site.asn", "out of range"),
    ({"connections[0].peer-asn": 23456}, "connections[0].peer-asn", "AS_TRANS"),
    ({"connections[0].peer-asn": None}, "connections[0].peer-asn", "missing: BGP needs the cloud's AS number"),
    ({"connections[0].bgp.timers": [10, 29]}, "connections[0].bgp.timers", "at least three times"),
    ({"connections[0].bgp.timers": [0, 30]}, "connections[0].bgp.timers", "at least three times"),
    ({"connections[0].bgp.timers": [0, 2]}, "connections[0].bgp.timers", "0 or at least 3 s"),
    ({"connections[0].bgp.timers": [1, 0]}, "connections[0].bgp.timers", "no keepalives"),
    ({"connections[0].bgp.timers": [10]}, "connections[0].bgp.timers", "the wrong number of items"),
    ({"connections[0].accept.max-length": 33}, "connections[0].accept.max-length", "out of range"),
    ({"site.router-id": "0.0.0.0"}, "site.router-id", "not a BGP identifier"),
    ({"site.router-id": "224.0.0.1"}, "site.router-id", "not a BGP identifier"),
    ({"connections[0].announce.networks": ["192.0.0.0/16"]}, "connections[0].announce.networks[0]",
     "neither a network of the site"),
    ({"site.networks": [f"10.{i // 256}.{i % 256}.0/24" for i in range(1001)]}, "site.networks", "more announcements"),
    # a default route
    (OUTWARD | {"connections[0].accept": {"default-route": True}}, DEFAULT, "each would send the other"),
    (OUTWARD | {"connections[0].cloud": "alibaba"}, DEFAULT, "Alibaba Cloud refuses a default route"),
    (OUTWARD | {"site.networks": [f"10.{i // 256}.{i % 256}.0/24" for i in range(1000)]}, "site.networks",
     "more announcements"),
    ({"connections[0].announce.networks": ["0.0.0.0/0"]}, "connections[0].announce.networks[0]", "neither a network"),
    # networks
    ({"connections[0].networks": ["192.0.2.128/25"]}, "connections[0].networks[0]", "overlaps 192.0.2.0/24"),
    ({"connections[0].networks": ["192.0.0.0/16"]}, "connections[0].networks[0]", "overlaps 192.0.2.0/24"),
    ({"connections[0].networks": ["198.51.100.0/29"]}, "connections[0].networks[0]", "holds 198.51.100.7"),
    ({"connections[0].networks": ["::/0"]}, "connections[0].networks[0]", "a default route comes over BGP"),
    ({"site.networks[1]": "0.0.0.0/0"}, "site.networks[1]", "everything there is cannot be ours"),
    ({"site.networks[1]": "169.254.7.0/24"}, "site.networks[1]", "169.254.0.0/16 is never routed"),
    ({"site.networks[1]": "192.0.2.0/24"}, "site.networks[1]", "stands twice"),
    # order among tunnels
    (FALLBACK | {"connections[0].prefer": "ordered", f"{T0}.metric": 7, f"{T1}.metric": 7}, f"{T1}.metric",
     "neither goes first"),
    ({f"{T0}.metric": 100}, f"{T0}.metric", "a metric is for an order among tunnels"),
    ({"connections[0].fallback": "static", "connections[0].networks": []}, "connections[0].networks",
     "without BGP nobody tells"),
    (STATIC | {"connections[0].fallback": "static"}, "connections[0].fallback", "falls back from BGP"),
    ({f"{T0}.weight": 2}, f"{T0}.weight", "an uneven share of the traffic under BGP"),
    ({"connections[0].mode": "static"}, "connections[0].networks", "missing: without"),
    (STATIC | {f"{T0}.metric": 7, f"{T1}.metric": 7}, f"{T1}.metric", "neither goes first"),
    (STATIC | {f"{T0}.metric": 101}, f"{T1}.metric", "neither goes first"),
    (STATIC | {f"{T0}.metric": 0}, f"{T0}.metric", "out of range"),
    ({"connections[0].mode": "static", "connections[0].networks": ["2001:db8::/32"]}, "connections[0].networks[0]",
     "no tunnel has an IPv6 address inside"),
    # gateways
    (by_gateway("0.0.0.0"), "uplinks[0].gateway", "no router can have"),
    (by_gateway("224.0.0.1"), "uplinks[0].gateway", "no router can have"),
    (by_gateway("203.0.113.9", address="203.0.113.9"), "uplinks[0].gateway", "our own address"),
    (by_gateway("198.51.100.7"), "uplinks[0].gateway", "cannot be the way to itself"),
    (by_gateway("169.254.23.5"), "uplinks[0].gateway", "whose own packets would go round"),
    (STATIC | by_gateway("10.1.0.1"), "uplinks[0].gateway", "lies behind"),
    # several uplinks on one interface
    ({"uplinks": [{"name": "a", "interface": "eth0", "address": "203.0.113.9"}, {"name": "b", "interface": "eth0"}],
      f"{T0}.uplink": "a", f"{T1}.uplink": "b"}, "uplinks[1].address", "say which address this one has"),
    ({"uplinks": [{"name": n, "interface": "eth0", "address": "203.0.113.9"} for n in ("a", "b")],
      f"{T0}.uplink": "a", f"{T1}.uplink": "b"}, "uplinks[1].address", "the same interface with the same address"),
    # probes
    (STATIC | {"connections[0].probe": {"targets": [{"tcp": "10.2.0.5:443"}]}}, "connections[0].probe.targets[0]",
     "lies outside every tunnel: it is in none of"),
    ({"connections[0].probe": {"targets": [{"udp": "192.0.2.7:53"}]}}, "connections[0].probe.targets[0]",
     "lies outside every tunnel: it is in our own network"),
    ({"connections[0].probe": {"targets": [{"tcp": "10.1.0.5"}]}}, "connections[0].probe.targets[0].tcp", "not an"),
    ({"connections[0].probe": {"need": 2}}, "connections[0].probe.need", "more than there are targets"),
    (STATIC | {"connections[0].probe": {"targets": [{"icmp": "10.2.0.1"}]}}, "connections[0].probe.targets[0]",
     "lies outside every tunnel"),
    ({"connections[0].probe": {"targets": [{"icmp": "2001:db8::1"}]}}, "connections[0].probe.targets[0]", "IPv6 host"),
    ({"probe": {"interval": "1ms"}}, "probe.interval", ""),
    ({"failback": {"policy": "never"}}, "failback.policy", "not one of the values"),
    # best path
    ({"bgp": {"always-compare-med": "perhaps"}}, "bgp.always-compare-med", ""),
    ({"bgp": {"maximum-paths": 0}}, "bgp.maximum-paths", ""),
    ({"bgp": {"maximum-paths": 65}}, "bgp.maximum-paths", ""),
    # address translation
    ({"nat": [{"type": "masquerade", "from": ["192.0.2.0/24"]}]}, "nat[0].out", "missing: type masquerade needs it"),
    ({"nat": [{"type": "masquerade", "from": ["192.0.2.0/24"], "out": "isp9"}]}, "nat[0].out", "no such uplink"),
    ({"nat": [{"type": "snat", "from": ["192.0.2.0/24"], "connection": "vpc"}]}, "nat[0].to", "missing: type snat"),
    ({"nat": [{"type": "snat", "from": ["192.0.2.0/24"], "connection": "x", "to": "192.0.2.1"}]}, "nat[0].connection",
     "no such connection"),
    ({"nat": [{"type": "snat", "from": ["2001:db8::/32"], "connection": "vpc", "to": "192.0.2.1"}]}, "nat[0].from[0]",
     "IPv6 cannot become"),
    ({"nat": [{"type": "snat", "connection": "vpc", "to": "192.0.2.1"}]}, "nat[0].from", "missing"),
    # cryptography
    ({f"{T0}.ike.proposals": ["aes256-sha256-modp1536"]}, f"{T0}.ike.proposals[0]", "does not accept modp1536 as IKE"),
    ({f"{T0}.ike.proposals": ["aes256-sha256-x25519"]}, f"{T0}.ike.proposals[0]", "does not accept x25519"),
    ({f"{T0}.esp.proposals": ["aes192-sha256-modp2048"]}, f"{T0}.esp.proposals[0]", "does not accept aes192"),
    ({f"{T0}.ike.proposals": ["aes256gcm16-prfaesxcbc-ecp384"]}, f"{T0}.ike.proposals[0]", "prfaesxcbc as IKE PRF"),
    ({f"{T0}.esp.proposals": ["aes256-sha256-ecp256-ke1_mlkem768"]}, f"{T0}.esp.proposals[0]", "additional group"),
    ({f"{T0}.ike": {"version": 1, "proposals": ["aes256gcm16-prfsha1-ecp384"]}}, f"{T0}.ike.proposals[0]", "RFC 5282"),
    ({f"{T0}.ike": {"version": 1, "proposals": ["aes128-sha1-ecp384-ecp256"]}}, f"{T0}.ike.proposals[0]", "one group"),
    ({f"{T0}.esp.proposals": ["aes256gcm16", "aes256gcm16"]}, f"{T0}.esp.proposals[1]", "stands twice"),
    ({f"{T0}.esp.proposals": ["AES256-SHA1"]}, f"{T0}.esp.proposals[0]", "not allowed here"),
    ({f"{T0}.esp.proposals": []}, f"{T0}.esp.proposals", "the wrong number of items"),
    ({f"{T0}.ike.lifetime": 28801}, f"{T0}.ike.lifetime", "aws does not accept this IKE lifetime"),
    ({f"{T0}.esp.lifetime": "10m"}, f"{T0}.esp.lifetime", "aws does not accept this ESP lifetime"),
    ({f"{T0}.ike.lifetime": 1800}, f"{T0}.esp.lifetime", "would outlive its IKE SA"),
    ({f"{T0}.ike.version": 3}, f"{T0}.ike.version", "out of range"),
    # what is not built yet, or not known, brings no faults of another kind with it
    ({"connections[0].cloud": "gcp", "site.asn": 16550}, "site.asn", "gcp keeps this AS number for itself"),
    ({"connections[0].cloud": "awss", f"{T0}.ike.lifetime": 28801}, "connections[0].cloud", "not one of the values"),
    ({f"{T0}.dpd": {"delay": 10, "timeout": 5}}, f"{T0}.dpd.timeout", "shorter than the delay"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "key", "message"), FAULTS)
def test_a_fault(changes: dict[str, Any], key: str, message: str) -> None:
    intent, faults, _ = read_intent(changed(changes), "f.yaml")
    assert intent is None
    assert [fault.key for fault in faults if message in fault.message] == [key], faults
    # One mistake is one fault.
    assert {fault.key for fault in faults} == {key}


NOTICES = [
    ({"site.asn": 65535}, "AS 65535 is reserved"),
    ({"site.asn": 65536}, "AS 65536 is for documentation"),
    ({"site.asn": 70000}, "AS 70000 is reserved by IANA"),
    ({"connections[0].tunnels[1]": None}, "a single tunnel"),
    ({"site.networks": []}, "nothing is announced"),
    (OUTWARD | {"nat": []}, "which nobody there may know; name its networks under nat"),
    (
        OUTWARD | {"nat": [{"type": "masquerade", "out": "isp1", "from": ["192.0.2.0/24"]}]},
        "which nobody there may know",
    ),
    ({"connections[0].announce.networks": []}, "nothing is announced"),
    ({"site.networks": [f"10.0.{i}.0/24" for i in range(101)]}, "reset the session beyond 100"),
    ({f"{T0}.announce.med": 100}, "tunnels are announced unequally"),
    ({f"{T0}.inside": "169.254.23.5/30", f"{T0}.peer-inside": "169.254.23.6"}, "the two look swapped"),
    ({f"{T0}.mtu": 1423}, "at most 1422"),
    ({f"{T0}.dpd.timeout": 30}, "counts for IKEv1 only"),
    ({f"{T0}.esp.proposals": ["aes256gcm16"]}, "ESP offers no-pfs"),
    ({f"{T0}.ike.proposals": ["aes128-sha1-modp1024"]}, "IKE offers sha1, modp1024; aws accepts aes256gcm16"),
    ({"connections[0].networks": ["203.0.113.0/30"]}, "longer than accept.max-length 28"),
    ({"connections[0].bgp.timers": [0, 0]}, "never noticed by BGP"),
    ({"probe": {"interval": "20ms"}}, "is not known to answer more than one probe in 100 ms"),
]


@pytest.mark.parametrize(("changes", "message"), NOTICES)
def test_a_notice_stops_nothing(changes: dict[str, Any], message: str) -> None:
    intent, faults, notices = read_intent(changed(changes))
    assert faults == ()
    assert intent is not None
    said = [notice for notice in notices if message in f"{notice.where}: {notice.message}"]
    assert said == list(notices)
    assert len(said) == 1


ALLOWED = [
    {f"{T0}.inside": "169.254.255.254/30", f"{T0}.peer-inside": "169.254.255.253"},
    {"site.asn": "64512.10"},
    {"site.asn": 4200000000},
    {"connections[0].asn": 65011},
    {"connections[0].bgp.timers": ["10s", "30s"]},
    {"connections[0].bgp.timers": [1, 3]},
    {f"{T0}.ike.lifetime": "8h", f"{T0}.esp.lifetime": "1h"},
    {f"{T0}.esp.proposals": ["aes256gcm16-modp2048", "aes256-sha512-ecp521"]},
    {"connections[0].networks": ["10.0.0.0/8", "2001:db8::/32"]},
    {"connections[0].announce.networks": ["192.0.2.0/25", "192.0.2.128/25"]},
    OUTWARD,
    {"connections[0].announce.communities": ["7224:9100", "64512:1:2"]},
    {"uplinks": [{"name": "a", "interface": "eth0", "address": "192.0.2.9", "gateway": "auto"}]},
    {"uplinks": [{"name": f"{n}", "interface": "eth0", "address": f"203.0.113.{n}"} for n in (7, 8)],
     f"{T0}.uplink": "7", f"{T1}.uplink": "8"},
    {"uplinks": [{"name": "a", "interface": "eth0"}, {"name": "b", "interface": "eth1"}],
     f"{T0}.uplink": "a", f"{T1}.uplink": "b", f"{T1}.remote": "198.51.100.7"},
    {"connections[0].cloud": "generic", f"{T0}.inside": "10.0.0.0/31", f"{T0}.peer-inside": "10.0.0.1",
     f"{T0}.esp.proposals": ["chacha20poly1305-x25519-ke1_mlkem768"], f"{T0}.inside6": "fe80::2/64",
     f"{T0}.peer-inside6": "fe80::1"},
]  # fmt: skip


@pytest.mark.parametrize("changes", ALLOWED)
def test_nothing_is_said_about_what_is_right(changes: dict[str, Any]) -> None:
    intent, faults, notices = read_intent(changed(changes))
    assert (faults, notices) == ((), ())
    assert intent is not None


def second(**changes: Any) -> dict[str, Any]:
    """Changes that add another connection to the same network."""
    tunnels = [
        {"name": f"b-{n}", "remote": f"203.0.113.{n}", "psk": {"file": "x"}, "inside": f"169.254.9{n}.2/30",
         "peer-inside": f"169.254.9{n}.1"} for n in (1, 2)
    ]  # fmt: skip
    other = {"name": "b", "cloud": "aws", "mode": "bgp", "peer-asn": 64513, "networks": ["10.1.0.0/16"], **changes}
    return {"connections[1]": {**other, "tunnels": tunnels}, "connections[0].networks": ["10.0.0.0/8"]}


def test_frr_does_not_tell_one_cloud_of_a_default_route_while_another_brings_one() -> None:
    """ExaBGP does: what it tells is not what it chooses from."""
    taking = second(networks=["11.0.0.0/8"], accept={"default-route": True})
    _, faults, _ = read_intent(changed(OUTWARD | taking))
    assert [(fault.key, fault.message, fault.fix) for fault in faults] == [
        (DEFAULT, "FRR would take this one itself, and not the one that b brings", "speaker: exabgp for one of the two")
    ]
    assert read_intent(changed(OUTWARD | taking | {"connections[0].speaker": "exabgp"}))[1] == ()


def test_two_ways_to_one_network_need_a_priority() -> None:
    _, faults, _ = read_intent(changed(second()))
    assert [(fault.key, fault.message) for fault in faults] == [
        ("connections[1].priority", "missing: connections vpc and b share 10.1.0.0/16")
    ]
    assert read_intent(changed(second(priority=5) | {"connections[0].priority": 5}))[1] == ()
    assert read_intent(changed(second(priority=5) | {"connections[0].priority": 6}))[1] == ()
    assert read_intent(changed(second(networks=["11.0.0.0/8"])))[1] == ()


def test_who_is_asked_and_how_is_read() -> None:
    intent, faults, _ = read_intent(changed(STATIC | {
        "connections[0].probe": {"targets": ["peer-inside", {"icmp": "10.1.0.4"}, {"tcp": "10.1.0.5:443"},
                                             {"udp": "10.1.0.6:53"}], "need": 2},
        "probe": {"interval": "50ms", "lost": 4, "recovered": 9}, "failback": {"policy": "stay", "after": "2m"},
    }))  # fmt: skip
    assert faults == ()
    assert intent is not None
    assert intent.probe == Probing(0.05, 4, 9)
    assert intent.failback == Failback("stay", 120)
    targets = (
        ProbeTarget("peer-inside"), ProbeTarget("icmp", ip_address("10.1.0.4")),
        ProbeTarget("tcp", ip_address("10.1.0.5"), 443), ProbeTarget("udp", ip_address("10.1.0.6"), 53),
    )  # fmt: skip
    assert intent.connections[0].probe == ConnectionProbe(targets, 2)
    assert read_intent(write_intent(intent))[0] == intent


def test_static_connections_have_an_order_and_stand_behind_bgp() -> None:
    static = STATIC | {"connections[0].priority": 6}
    both = static | second(priority=5, mode="static", networks=["10.1.0.0/16"])
    assert read_intent(changed(both))[1] == ()
    assert read_intent(changed(static | second(priority=5, networks=["10.1.0.0/16"])))[1] == ()
    for other, message in (
        (second(priority=6, networks=["10.1.0.0/16"]),
         "b reaches 10.1.0.0/16 by BGP, which goes before a static route"),
        (second(priority=5, networks=["8.0.0.0/6"]) | {"connections[0].networks": ["10.0.0.0/8"]},
         "lies inside 8.0.0.0/6, which b reaches by BGP: the longer goes first at any priority"),
    ):  # fmt: skip
        _, faults, _ = read_intent(changed(static | other))
        assert [(fault.key, fault.message) for fault in faults] == [("connections[0].networks[0]", message)]


def test_a_cloud_may_be_told_of_what_lies_behind_another() -> None:
    other = second(priority=5, networks=["10.1.0.0/16"]) | {"connections[0].networks": ["10.2.0.0/16"]}
    for told, faults in ((["192.0.2.0/24", "10.1.4.0/24"], 0), (["10.2.0.0/16"], 1), (["10.3.0.0/16"], 1)):
        found = read_intent(changed(other | {"connections[0].announce.networks": told}))[1]
        assert len(found) == faults, (told, found)


def test_an_intent_without_text_is_judged_the_same() -> None:
    intent, _, notices = read_intent(changed({"site.asn": 65535}))
    assert intent is not None
    assert check_intent(intent) == ((), notices)


@pytest.mark.parametrize(
    ("key", "cloud", "message"),
    [
        ("FAKE_key_for_tests", "aws", None),
        ("FAKE+key+for+tests", "aws", "aws has no such pre-shared key"),
        ("FAKE+key+for+tests", "generic", None),
        ("FAKE_key_for_tests ", "aws", "a space or line break at one end"),
        ("", "aws", "the pre-shared key is empty"),
        ("FAKEkey", "generic", "generic has no such pre-shared key"),
    ],
)
def test_a_key_is_judged_and_never_shown(key: str, cloud: str, message: str | None) -> None:
    faults = check_psk(Secret(key), cloud, f"{T0}.psk")
    assert bool(faults) is (message is not None)
    assert all(message is not None and message in fault.message for fault in faults)
    assert not key or key not in repr(faults)


def test_numbers_that_collide_are_faults_of_the_later_tunnel() -> None:
    intent = read_intent(CLEAN_TEXT)[0]
    assert intent is not None

    def same_number(connection: Connection, tunnel: Tunnel) -> int:
        return 7

    faults = check_numbers(intent, same_number, lambda _, tunnel: tunnel.name)
    assert [(fault.key, fault.found) for fault in faults] == [(T1, "7")]
    placed = locate(CLEAN_TEXT, "f.yaml", faults)
    assert (placed[0].file, placed[0].line) == ("f.yaml", 10)
    assert check_numbers(intent, lambda _, tunnel: int(tunnel.name[-1]), lambda _, tunnel: "one")[0].found == "one"
    assert check_numbers(intent, lambda _, tunnel: int(tunnel.name[-1]), lambda _, tunnel: tunnel.name) == ()


@given(INTENTS)
def test_any_intent_can_be_judged(intent: Intent) -> None:
    """And what is said points at a place that its text has."""
    faults, _ = check_intent(intent)
    text = write_intent(intent)
    assert all(fault.line and fault.key for fault in locate(text, None, faults))
    assert {(fault.key, fault.message) for fault in read_intent(text)[1]} == {(f.key, f.message) for f in faults}
