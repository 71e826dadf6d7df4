"""Address translation: what a rule of each type needs, and what it must not say."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.finding import Finding
from appliance.model.intent import Intent, Nat

_NEEDS = {"masquerade": ("out",), "snat": ("connection", "to")}


def nat_findings(intent: Intent) -> Iterator[Finding]:
    """Everything wrong with translations."""
    for index, nat in enumerate(intent.nat):
        key = f"nat[{index}]"
        about = (f"{key}.type",)
        for name in ("out", "connection", "to"):
            value, wanted = getattr(nat, name), name in _NEEDS[nat.type]
            if wanted and value is None:
                yield Finding(f"{key}.{name}", f"missing: type {nat.type} needs it", about=about)
            elif value is not None and not wanted:
                message = f"means nothing with type {nat.type}"
                yield Finding(f"{key}.{name}", message, found=str(value), fix="leave it out", about=about)
        yield from _reference_findings(intent, nat, key)
        yield from _family_findings(nat, key)


def _reference_findings(intent: Intent, nat: Nat, key: str) -> Iterator[Finding]:
    uplinks = [uplink.name for uplink in intent.uplinks]
    if nat.out is not None and nat.out not in uplinks:
        allowed = ", ".join(uplinks) or "none is configured: add it under uplinks"
        yield Finding(f"{key}.out", "no such uplink", found=nat.out, allowed=allowed, about=("uplinks",))
    names = [connection.name for connection in intent.connections]
    if nat.connection is not None and nat.connection not in names:
        allowed = ", ".join(names) or "there is no connection"
        yield Finding(f"{key}.connection", "no such connection", found=nat.connection, allowed=allowed,
                      about=("connections",))  # fmt: skip


def _family_findings(nat: Nat, key: str) -> Iterator[Finding]:
    for index, network in enumerate(nat.sources):
        if nat.to is not None and network.version != nat.to.version:
            message = f"IPv{network.version} cannot become {nat.to}"
            yield Finding(f"{key}.from[{index}]", message, found=str(network), about=(f"{key}.to",))
