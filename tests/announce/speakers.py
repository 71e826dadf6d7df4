"""Others' BGP speakers as the far end of a session: FRR, BIRD 2 and GoBGP, each as its program, configured alike."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

OURS, THEIRS = "169.254.23.6", "169.254.23.5"
US, THEM = 65010, 64512
BEHIND = 64999
"""The number of who tells GoBGP its prefixes: it takes them from nobody but a neighbour, or one by one."""

Words = Sequence[str]


@dataclass(frozen=True)
class Kind:
    """One program. ``daemons`` writes its configuration into a folder, with the prefixes to tell, and returns the
    commands that run it; the others are what its operator types."""

    name: str
    daemons: Callable[[Path, Sequence[str]], Sequence[Words]]
    end: Callable[[Path], Words]
    begin: Callable[[Path], Words]
    refresh: Callable[[Path], Words]


def _bird(where: Path, nets: Sequence[str]) -> Sequence[Words]:
    session = f"""\
  local {THEIRS} as {THEM};
  neighbor {OURS} as {US};
  hold time 3;
  graceful restart on;
  connect retry time 1;
  error wait time 1, 2;
"""
    return [_run_bird(where, nets, session)]


def _run_bird(
    where: Path, nets: Sequence[str], session: str, hop: str = "self", router_id: str = "198.51.100.1"
) -> Words:
    routes = "\n".join(f"  route {net} blackhole;" for net in nets)
    (where / "bird.conf").write_text(f"""\
router id {router_id};
protocol device {{}}
protocol static {{
  ipv4;
{routes}
}}
protocol bgp near {{
{session}
  ipv4 {{ import all; export where source = RTS_STATIC; next hop {hop}; }};
}}
""")
    return ["bird", "-f", "-c", f"{where}/bird.conf", "-s", f"{where}/bird.ctl", "-P", f"{where}/bird.pid"]


def _birdc(*words: str) -> Callable[[Path], Words]:
    return lambda where: ["birdcl", "-s", f"{where}/bird.ctl", *words]


def _frr(where: Path, nets: Sequence[str]) -> Sequence[Words]:
    networks = "\n".join(f"  network {net}" for net in nets)
    (where / "bgpd.conf").write_text(f"""\
router bgp {THEM}
 bgp router-id 198.51.100.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 bgp graceful-restart
 neighbor {OURS} remote-as {US}
 neighbor {OURS} timers 1 3
 neighbor {OURS} timers connect 1
 address-family ipv4 unicast
{networks}
 exit-address-family
exit
""")
    options = ["-Z", "-f", f"{where}/bgpd.conf", "-i", f"{where}/bgpd.pid", "--vty_socket", str(where), "-P", "0"]
    return [["/usr/lib/frr/bgpd", *options, "-u", "root", "-g", "root", "-l", THEIRS, "-S"]]


def _vtysh(*lines: str) -> Callable[[Path], Words]:
    commands = [word for line in lines for word in ("-c", line)]
    return lambda where: ["vtysh", "--vty_socket", str(where), "-d", "bgpd", *commands]


def _gobgp(where: Path, nets: Sequence[str]) -> Sequence[Words]:
    (where / "gobgpd.toml").write_text(f"""\
[global.config]
  as = {THEM}
  router-id = "198.51.100.1"
  local-address-list = ["{THEIRS}", "127.0.0.2"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "{OURS}"
    peer-as = {US}
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 3
    keepalive-interval = 1
    idle-hold-time-after-reset = 1
  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
[[neighbors]]
  [neighbors.config]
    neighbor-address = "127.0.0.3"
    peer-as = {BEHIND}
  [neighbors.timers.config]
    connect-retry = 1
  [neighbors.transport.config]
    local-address = "127.0.0.2"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 8
""")
    session = f"""\
  local 127.0.0.3 as {BEHIND};
  neighbor 127.0.0.2 as {THEM};
  multihop;
  strict bind;
  connect delay time 0;
  connect retry time 1;
"""
    return [
        ["gobgpd", "-f", f"{where}/gobgpd.toml", "--api-hosts", "127.0.0.1:50051", "--pprof-disable"],
        _run_bird(where, nets, session, "address 203.0.113.1", "203.0.113.1"),
    ]


def _gobgp_says(*words: str) -> Callable[[Path], Words]:
    return lambda where: ["gobgp", "neighbor", OURS, *words]


_ROUTER = ("configure terminal", f"router bgp {THEM}")
BIRD = Kind("bird", _bird, _birdc("disable", "near"), _birdc("enable", "near"), _birdc("reload", "in", "near"))
FRR = Kind(
    "frr",
    _frr,
    _vtysh(*_ROUTER, f"neighbor {OURS} shutdown"),
    _vtysh(*_ROUTER, f"no neighbor {OURS} shutdown"),
    _vtysh(f"clear bgp ipv4 unicast {OURS} soft in"),
)
GOBGP = Kind(
    "gobgp",
    _gobgp,
    _gobgp_says("disable"),
    _gobgp_says("enable"),
    _gobgp_says("softresetin"),
)


def run_in(namespace: str, words: Words) -> bool:
    """A command of its operator's, in its namespace; whether it ended well."""
    done = subprocess.run(["ip", "netns", "exec", namespace, *words], capture_output=True, check=False, timeout=60)
    return done.returncode == 0
