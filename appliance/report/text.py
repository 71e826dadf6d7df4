"""The status as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WEAK = "weak cryptography"
"""Named by `configure` and `validate`; whoever is woken at night has other things to read."""

MARKS = {"carrying": "●", "standby": "◐", "held": "◐", "drained": "◌", "last-resort": "◍", "down": "○", "unknown": "?"}


def describe_status(status: Mapping[str, Any]) -> list[str]:
    """A line for the whole, then each connection with its tunnels and prefixes."""
    head = f"{status['site']}: {status['state']}"
    lines = [f"{head} — {status['why']}" if status["why"] else head]
    lines += [f"  warning: {warning}" for warning in status["warnings"] if WEAK not in warning]
    for connection in status["connections"]:
        lines += ["", *_connection(connection)]
    if status["drift"]:
        lines += ["", "not as it should be (`appliance plan` shows it, `appliance apply` mends it):"]
        lines += [f"  {line}" for line in status["drift"]]
    return lines


def _connection(connection: Mapping[str, Any]) -> list[str]:
    redundancy = "redundant" if connection["redundant"] else "no redundancy"
    manner = "/".join(word for word in (connection["mode"], connection["speaker"]) if word)
    lines = [f"{connection['name']}  {connection['cloud']} {manner}  {connection['state']}, {redundancy}"]
    lines += [line for tunnel in connection["tunnels"] for line in _tunnel(tunnel)]
    for prefix in connection["prefixes"]:
        ways = " + ".join(prefix["via"]) or "nothing: blackholed"
        lines.append(f"  {prefix['prefix']:<20} via {ways}")
    if connection["announced"]:
        lines.append(f"  announced: {', '.join(connection['announced'])}")
    return lines


def _tunnel(tunnel: Mapping[str, Any]) -> list[str]:
    mark = MARKS.get(tunnel["state"], "?")
    sa, bgp = tunnel["sa"] or {}, tunnel["bgp_detail"] or {}
    bgp_or_child = f"bgp {tunnel['bgp']}" if tunnel["bgp"] else f"child {tunnel['child']}"
    lines = [
        f"  {mark} {tunnel['name']:<16} {tunnel['state']:<9} {tunnel['interface'] or '-'} to {tunnel['remote']}"
        f"  ike {tunnel['ike']}, {bgp_or_child}"
    ]
    if tunnel["why"]:
        lines.append(f"      {tunnel['why']}")
    if tunnel["remark"]:
        lines.append(f"      {tunnel['remark']}")
    if tunnel["flaps_1h"]:
        times = "once" if tunnel["flaps_1h"] == 1 else f"{tunnel['flaps_1h']} times"
        until = f", held back until {tunnel['reuse_at']}" if tunnel["reuse_at"] else ""
        lines.append(f"      lost {times} within the hour: penalty {tunnel['penalty']}{until}")
    if sa.get("esp_proposal"):
        nat = ", NAT-T" if sa["nat_t"] else ""
        lines.append(f"      esp {sa['esp_proposal']}{nat}, mtu {tunnel['mtu']}, rekey in {sa['rekey_in_s']} s")
    if bgp.get("since"):
        lines.append(
            f"      AS {bgp['peer_asn']} since {bgp['since']}: {bgp['received']} received, "
            f"{bgp['accepted']} accepted, {bgp['advertised']} advertised"
        )
    lines.append(f"      in {_bytes(tunnel['rx_bytes'])}, out {_bytes(tunnel['tx_bytes'])}")
    return lines


def _bytes(count: int) -> str:
    """Bytes in binary units, three figures."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.3g} {units[0]}"
