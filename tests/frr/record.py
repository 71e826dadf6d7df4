"""Makes two real FRRs fail in every way that the diagnosis knows, and writes down what ours says: run by hand.

FRR_ROOT=... python -m tests.frr.record      rewrites tests/frr/recorded/
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.frr.asking import read_filtered, read_paths, read_sessions
from appliance.frr.vtysh import Frr, Vty, open_vty
from appliance.model.change import Change
from appliance.model.peering import Neighbor
from appliance.model.session import BgpSession
from tests.frr import rig
from tests.frr.routers import FIRST, config, with_neighbors

RECORDED = Path(__file__).parent / "recorded"
PREFIXES = {"10.0.0.0/16": 100, "10.1.0.0/16": 100}
US = "169.254.23.6"


class Listener:
    """Passes commands on and keeps what was said."""

    name = "bgpd"

    def __init__(self, vty: Vty) -> None:
        self._vty = vty
        self.said: dict[str, tuple[int, str]] = {}

    def tell(self, commands: list[str]) -> list[tuple[int, str]]:
        answers = self._vty.tell(commands)
        self.said.update(zip(commands, answers, strict=True))
        return answers


class Bench:
    def __init__(self, pair: rig.Pair) -> None:
        self.pair = pair

    def record(self, name: str, ready: Callable[[BgpSession], object]) -> None:
        """Wait until our session looks like the failure, then keep all that FRR answers."""
        self.wait(ready)
        with open_vty(self.pair.us.run_dir, "bgpd") as vty:
            listener = Listener(vty)
            for session in read_sessions(listener):
                if session.received > session.accepted:
                    read_filtered(listener, session.address)
            read_paths(listener)
        (RECORDED / f"{name}.json").write_text(json.dumps(listener.said, indent=1, sort_keys=True) + "\n")
        print(name, flush=True)

    def wait(self, ready: Callable[[BgpSession], object]) -> None:
        with open_vty(self.pair.us.run_dir, "bgpd") as vty:
            rig.until(lambda: [one for one in read_sessions(vty) if ready(one)], lambda: f"never: {read_sessions(vty)}")

    def far(self, *lines: str) -> None:
        inside = (argument for line in lines for argument in ("-c", line))
        self.pair.far.vtysh("-c", "configure terminal", "-c", "router bgp 64512", *inside)


@contextmanager
def bench(neighbor: Neighbor = FIRST, asn: int = 64512, expects: int = 65000, **prefixes: int) -> Iterator[Bench]:
    """Two FRRs; the far one has these prefixes, the first of which may be called otherwise."""
    with rig.speakers() as pair, tempfile.TemporaryDirectory() as folder:
        offered = {prefix.replace("_", "."): med for prefix, med in prefixes.items()} or PREFIXES
        pair.far.configure(rig.cloud({US: (asn, expects, offered)}))
        door = Frr(pair.us.run_dir, Path(folder) / "frr.json")
        [outcome] = asyncio.run(door.apply([Change(None, config(with_neighbors(neighbor)))]))
        assert outcome.error is None
        yield Bench(pair)


def noted(sent: bool, code: int, subcode: int) -> Callable[[BgpSession], bool]:
    def ready(session: BgpSession) -> bool:
        note = session.notification
        return note is not None and (note.sent, note.code, note.subcode) == (sent, code, subcode)

    return ready


def up(session: BgpSession) -> bool:
    return session.received > 0 and (session.advertised > 0 or session.accepted == 0)


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    with bench() as one:
        one.record("up", up)
        one.far(f"neighbor {US} shutdown message closed for work")
        one.record("peer-shutdown", noted(False, 6, 2))
        one.far(f"no neighbor {US} shutdown")
        one.wait(up)
        one.pair.far.stop("bgpd")
        one.record("refused", lambda session: session.state == "active" and (session.reset_s or 0) > 2)
    with bench() as one:
        one.wait(up)
        one.far(f"no neighbor {US}")
        one.record("peer-deconfigured", noted(False, 6, 3))
    with bench(asn=64999) as one:
        one.record("wrong-peer-asn", lambda session: session.heard_asn)
    with bench(expects=65111) as one:
        one.record("wrong-own-asn", noted(False, 2, 2))
    with bench() as one:
        one.wait(up)
        drop(one.pair.far)
        one.record("hold-timer", noted(True, 4, 0))
    with bench() as one:
        drop(one.pair.far)
        one.record("silent", lambda session: session.state == "connect")
    with bench() as one:
        one.far("address-family ipv4 unicast", "no network 10.0.0.0/16", "no network 10.1.0.0/16")
        one.record("no-prefix", lambda session: session.up)
    with bench(**{"172_16_20_128/25": 0, "10_9_9_9/32": 0, "0_0_0_0/0": 0}) as one:
        one.record("all-filtered", up)
    with bench() as one:
        one.wait(up)
        one.pair.us.run("ip", "link", "set", "t1", "down")
        one.record("link-down", lambda session: not session.up and session.last_error)


def drop(speaker: rig.Speaker) -> None:
    """Lose every packet of the first cable, without a word."""
    hook = "{ type filter hook prerouting priority 0; }"
    rules = f"add table inet t; add chain inet t i {hook}; add rule inet t i iifname f1 drop"
    speaker.run("nft", rules)


if __name__ == "__main__":
    main()
