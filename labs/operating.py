"""What an operator does on the appliance, and what it then shows: for labs whose appliance is told by an intent.

Such a lab has a folder ``site`` with ``intent.yaml`` and the keys it names; the appliance's node has it at /opt/site.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from checking import Done, Failed, node, wait_for
from measuring import CLEAR, ENCRYPTED, Seen, answered, end, send_stream, streaming, watching
from observing import ip, paths, sas
from renewing import rekey_everything

BOX = "gw"
SITE = "/root/site"
INTENT = "/etc/appliance/intent.yaml"
UNHURRIED = 0.5
"""Seconds between two looks that start a program: more often, they take from a slow machine what they wait for."""
REBOOT = 150.0
"""Seconds from a reboot until traffic flows, at most; generous, for machines of every speed."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel: its name in the intent, the cloud's outside address, the node at its far end."""

    name: str
    remote: str
    end: str


# What the operator does


def lay_out_site() -> None:
    """The site's files as an operator keeps them: the keys for root's eyes alone. Another speaker than FRR, where this
    run asks for one, is in its intent."""
    speaker = os.environ.get("LAB_SPEAKER", "frr")
    told = "" if speaker == "frr" else f"; sed -i 's/^    mode: bgp$/&\\n    speaker: {speaker}/' {SITE}/intent.yaml"
    node(BOX).shell(f"rm -rf {SITE}; cp -r /opt/site {SITE}; chmod -R go= {SITE}{told}")


def edit_intent(old: str, new: str) -> None:
    """Change the intent in force by hand and apply it, as an operator does; ``old`` must stand in it."""
    text = node(BOX).run("cat", INTENT).out
    if old not in text:
        raise Failed(f"the intent has no {old!r}")
    node(BOX).shell(f"cat > {INTENT}", given=text.replace(old, new))
    appliance("apply", "--yes")


def apply_site() -> None:
    """The whole site again, its keys too."""
    node(BOX).shell(f"cp {SITE}/intent.yaml {INTENT}; cp {SITE}/secrets/* /etc/appliance/secrets/")
    appliance("apply", "--yes")


def configure(mode: str, wait: int = 60) -> Done:
    """The main job, as a script runs it. Its end is for the caller to judge."""
    return node(BOX).run(
        "appliance", "configure", f"--{mode}", "--intent", f"{SITE}/intent.yaml", "--wait", f"{wait}s", "--yes",
        "--json", ok=False, timeout=wait + 120,
    )  # fmt: skip


def must_configure(mode: str, wait: int = 60, noted: str = "") -> Any:
    """Configure to the end, with a note that has ``noted`` in it; its JSON."""
    done = configure(mode, wait)
    if done.code:
        raise Failed(f"configure ended with {done.code}: {(done.err + done.out).strip()[-900:]}")
    if noted not in done.err:
        raise Failed(f"no note of {noted!r}: {done.err.strip()[-900:]}")
    return done.json()


def appliance(*words: str) -> Any:
    """A verb that must succeed; its JSON."""
    return node(BOX).run("appliance", *words, "--json", timeout=120).json()


def forget_everything(more: str = "") -> None:
    """What a reboot takes: processes, what they kept in /run, and all that the kernel held of ours; ``more``, as a
    shell has it. Files stay."""
    node(BOX).shell(
        f"{more}\n"
        """
        kill -9 $(pgrep -f '^/usr/bin/python3 .*appliance run$') $(pgrep charon) $(pgrep watchfrr)
        kill -9 $(pgrep -x 'zebra|bgpd|mgmtd|staticd')
        rm -rf /run/appliance /run/charon.vici /run/frr/*
        for link in $(ip -o link show type xfrm | cut -d: -f2 | cut -d@ -f1); do ip link del $link; done
        for family in 4 6; do
            ip -$family rule flush proto 173
            ip -$family route flush table all proto 173
            ip -$family route flush table all proto bgp
        done
        ip nexthop flush
        ip xfrm state flush; ip xfrm policy flush; nft flush ruleset
        sysctl -q -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
        setsid /usr/lib/frr/frrinit.sh start </dev/null >/dev/null 2>&1 &
        """,
        timeout=120,
    )


# What it shows


def states() -> dict[str, str]:
    """Each tunnel's state by name, as the daemon publishes it: what the status says, without the cost of asking."""
    held = _published()["connections"].values()
    return {name: str(path["state"]) for one in held for name, path in one["paths"].items()}


def probes() -> dict[str, str]:
    """What the probes over each tunnel say, by name, published in the same way."""
    return {name: str(probe["state"]) for name, probe in _published()["probes"].items()}


def _published() -> Any:
    return node(BOX).run("cat", "/run/appliance/paths.json").json()


def reason(done: Done) -> str:
    """What a failed verb says to a program."""
    try:
        return json.dumps(json.loads(done.out))
    except ValueError:
        raise Failed(f"not one JSON value on stdout: {done.out[-300:]!r}, stderr {done.err[-300:]!r}") from None


def children(tunnel: Tunnel) -> list[dict[str, Any]]:
    """The installed child SAs of a tunnel."""
    return [
        child
        for sa in sas(BOX)
        if sa["name"] == tunnel.name
        for child in sa["child-sas"]
        if child["state"] == "INSTALLED"
    ]


def spis(tunnels: Iterable[Tunnel]) -> dict[str, set[str]]:
    """Tunnel -> the inbound SPIs of its child SAs."""
    return {tunnel.name: {child["spi-in"] for child in children(tunnel)} for tunnel in tunnels}


def refuse_a_second_write() -> None:
    """Fail unless the plan of an apply is empty, and it tells the kernel, nftables, charon and FRR nothing."""
    gw = node(BOX)
    charon_heard = gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out
    running = gw.run("vtysh", "-c", "show running-config").out
    monitors = [gw.start("ip", "monitor", "link", "address", "route", "rule", "nexthop"), gw.start("nft", "monitor")]
    plan = appliance("apply", "--yes")
    heard = [
        line for monitor in monitors for line in end(monitor).splitlines() if line.strip() and not _forgotten(line)
    ]
    assert plan["changes"] == 0, plan
    assert not heard, f"the kernel was told: {heard}"
    assert gw.run("grep", "-c", "vici", "/var/log/charon.log", ok=False).out == charon_heard, (
        "charon was told something"
    )
    assert gw.run("vtysh", "-c", "show running-config").out == running, "FRR's configuration changed"


def _forgotten(line: str) -> bool:
    """Whether zebra drops a nexthop that nothing has used for three minutes: no write of ours."""
    return line.startswith("Deleted id ") and "proto zebra" in line


def mac(where: str, link: str) -> str:
    """A link's hardware address."""
    return str(ip(where, "link", "show", "dev", link)[0]["address"])


def watching_outside(links: Sequence[str], **more: str) -> AbstractContextManager[Seen]:
    """What passes the Internet router's links, where the LAN is on the switch of the uplink: that floods it with
    the LAN's own packets until it has learned who is where. Those are for the appliance and the LAN host. That nobody
    listens for IKE yet, after a boot, may be said: to the cloud's port, since a NAT has changed ours."""
    flooded = f"ether dst {mac(BOX, 'eth1')} or ether dst {mac('lan', 'eth1')}"
    deaf = "icmp[0] = 3 and (icmp[28:2] = 500 or icmp[28:2] = 4500)"
    deaf6 = "icmp6 and ip6[40] = 1 and (ip6[88:2] = 500 or ip6[88:2] = 4500)"
    clear = f"({CLEAR}) and not ({flooded}) and not ({deaf}) and not ({deaf6})"
    return watching("internet", links, clear=clear, encrypted=ENCRYPTED, **more)


# Under traffic


def flowing(host: str, where: str = "lan") -> AbstractContextManager[dict[str, Any]]:
    """Eight flows, so that chance does not send them all past the tunnel that is cut."""
    return streaming(where, host)


def must_reach(where: str, source: str, target: str) -> None:
    """Fail unless somebody behind the cloud, who begins, is answered."""
    node(where).run("ping", "-c", "3", "-i", "0.2", "-W", "3", "-I", source, target)


def wait_until_over(prefix: str, tunnels: Iterable[Tunnel], timeout: float) -> None:
    """Until exactly these carry the prefix."""
    wanted = {tunnel.name for tunnel in tunnels}
    wait_for(lambda: paths(BOX, prefix) == wanted, timeout, f"{prefix} over {sorted(wanted)}", every=UNHURRIED)


def wire(*words: str) -> None:
    """The Internet router's manners: see far-ends/wire."""
    node("internet").run("/opt/internet/wire", *words)


def gap_without_loss(result: Mapping[str, Any]) -> float:
    """The longest gap of a stream's flows in ms; fails when a packet of it was lost."""
    assert not result["lost"], f"lost {result['lost']} of {result['sent']}, gap {result['gap_ms']} ms"
    return float(result["gap_ms"])


def rekey_without_loss(tunnels: Sequence[Tunnel], host: str) -> float:
    """New keys for all of them from either side under 100 packets a second; the gap in ms."""
    with flowing(host) as result:
        rekey_everything(tunnels)
    return gap_without_loss(result)


def cut_silently(
    tunnel: Tunnel, host: str, links: Sequence[str], moved: Callable[[], None], *, bound: float | None = None
) -> float:
    """Drop a carrying tunnel's packets on the way until others have ``moved`` in: some packets are lost, for no longer
    than ``bound`` ms, and none is in clear. The gap in ms; the tunnel stays cut."""
    with watching_outside(links) as seen, flowing(host) as result:
        wire("block", tunnel.remote)
        moved()
        send_stream("lan", host, "--seconds", "1")
    assert result["lost"], "nothing was lost: the cut did not cut"
    assert bound is None or result["gap_ms"] <= bound, f"gap {result['gap_ms']} ms"
    assert not seen.counts["clear"], seen.packets
    return float(result["gap_ms"])


def reopen_without_loss(host: str, back: Callable[[], None]) -> float:
    """The way is open again, and all are ``back``; the gap in ms."""
    with flowing(host) as result:
        wire("open")
        back()
    return gap_without_loss(result)


def come_back_from_a_reboot(
    host: str, links: Sequence[str], back: Callable[[], object] = lambda: None, late: tuple[str, str] | None = None
) -> float:
    """Take away all that a reboot takes: ``REBOOT`` later at most traffic flows, and what ``back`` waits for is there
    again; none in clear. ``late``: commands that take the network away, and bring it when all daemons already run. How
    long it took until traffic flowed, in ms."""
    gone, there = late or ("", "")
    with watching_outside(links) as seen:
        forget_everything(gone)
        begun = time.monotonic()
        if there:
            wait_for(lambda: node(BOX).run("test", "-e", "/run/appliance/paths.json", ok=False).code == 0, REBOOT,
                     "the daemon to decide")  # fmt: skip
            node(BOX).shell(there)
        wait_for(lambda: answered("lan", host), REBOOT, "traffic to flow", every=UNHURRIED)
        flows = time.monotonic()
        back()
        wait_for(lambda: answered("lan", host, 1), REBOOT, "traffic to flow over all", every=UNHURRIED)
    assert seen.counts["encrypted"], "no ESP was seen: the capture proves nothing"
    assert not seen.counts["clear"], seen.packets
    return (flows - begun) * 1000
