"""What charon was started with, as far as our tunnels depend on it: its plugins, and its settings file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from appliance.model.fault import Notice, SystemLacks

NEEDED = (
    (("kernel-netlink", "kernel-libipsec"), "installs SAs in the kernel", "libcharon"),
    (("socket-default",), "sends and receives IKE", "libcharon"),
    (("nonce",), "makes nonces", "libstrongswan"),
    (("openssl", "kdf"), "derives keys", "libstrongswan-standard-plugins"),
    (("openssl", "aes"), "encrypts with AES", "libstrongswan-standard-plugins"),
    (("openssl", "gmp", "gcrypt"), "agrees on keys over modp groups", "libstrongswan-standard-plugins"),
)
"""Any of these plugins, what it does for a PSK tunnel, the Debian package that holds them."""

WHERE = "/etc/strongswan.conf"
SLOW = 60.0
"""Seconds: who takes longer to notice a dead peer leaves it to BGP's hold time and the prober alone."""

MOST_INCLUDES = 10
"""Files within files, as deep as charon itself reads them."""

STATEMENT = re.compile(
    r"\s*(?:#[^\n]*|include\s+(?P<include>[^\s{}#]+)|(?P<open>[^\s{}=#:]+)\s*(?::[^{}\n=]*)?\{|(?P<close>\})"
    r'|(?P<key>[^\s{}=#]+)\s*=[ \t]*(?P<value>"(?:\\.|[^"\\])*"|[^\n#}]*))'
)


def lacking_plugins(loaded: Iterable[str]) -> tuple[SystemLacks, ...]:
    """What the running charon cannot do because of a plugin list that is too short."""
    names = frozenset(loaded)
    return tuple(
        SystemLacks(
            f"charon runs without the plugin {' or '.join(plugins)}: nothing {does}",
            hint=f"add {plugins[0]} to charon.load in {WHERE} (package {package}) and restart charon",
            code="charon-plugin",
        )
        for plugins, does, package in NEEDED
        if names.isdisjoint(plugins)
    )


def parse_settings(text: str, read: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """strongswan.conf(5) as dotted keys and values. ``read`` gives the texts that an ``include`` pattern stands for;
    what cannot be understood ends the reading, as it ends charon's."""
    return dict(_settings(text, read, (), 0))


def _settings(
    text: str, read: Callable[[str], Iterable[str]], outer: tuple[str, ...], depth: int
) -> Iterator[tuple[str, str]]:
    path, place = list(outer), 0
    while found := STATEMENT.match(text, place):
        place = found.end()
        if found["include"] and depth < MOST_INCLUDES:
            for included in read(found["include"].strip('"')):
                yield from _settings(included, read, tuple(path), depth + 1)
        elif found["open"]:
            path.append(found["open"])
        elif found["close"]:
            del path[-1:]
        elif found["key"]:
            yield ".".join((*path, found["key"])), found["value"].strip().strip('"')


def judge_settings(settings: Mapping[str, str]) -> tuple[Notice, ...]:
    """What in charon's settings works against our tunnels. It runs with them all the same."""
    found: list[str] = []
    seconds = seconds_to_notice(settings)
    if seconds > SLOW:
        found.append(f"charon notices a dead peer only after {seconds:.0f} s: lower charon.retransmit_tries and _base")
    if settings.get("charon.plugins.kernel-netlink.install_routes_xfrmi") in ("yes", "true", "1"):
        found.append("charon routes into XFRM interfaces itself: set install_routes_xfrmi = no")
    for key in ("charon.interfaces_use", "charon.interfaces_ignore"):
        if key in settings:
            found.append(f"charon does not see every interface ({key} = {settings[key]}): it must see the uplinks")
    for key, port in (("charon.port", "500"), ("charon.port_nat_t", "4500")):
        if settings.get(key, port) != port:
            found.append(f"charon does not use UDP {port} ({key} = {settings[key]}): clouds answer only there")
    return tuple(Notice(WHERE, message) for message in found)


def seconds_to_notice(settings: Mapping[str, str]) -> float:
    """From the first unanswered message to giving up: the sum of timeout * base^n, each at most the limit."""
    timeout, base, tries, limit = (
        _number(settings.get(f"charon.retransmit_{name}"), default)
        for name, default in (("timeout", 4.0), ("base", 1.8), ("tries", 5.0), ("limit", 0.0))
    )
    waits = (timeout * base**count for count in range(min(int(tries), 100) + 1))
    return sum(min(wait, limit) if limit else wait for wait in waits)


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text is not None else default
    except ValueError:
        return default
