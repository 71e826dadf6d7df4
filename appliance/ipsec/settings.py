"""What a charon must have been started with for our tunnels: its plugins."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.model.fault import SystemLacks

NEEDED = (
    (("kernel-netlink", "kernel-libipsec"), "installs SAs in the kernel", "libcharon"),
    (("socket-default",), "sends and receives IKE", "libcharon"),
    (("nonce",), "makes nonces", "libstrongswan"),
    (("openssl", "kdf"), "derives keys", "libstrongswan-standard-plugins"),
    (("openssl", "aes"), "encrypts with AES", "libstrongswan-standard-plugins"),
    (("openssl", "gmp", "gcrypt"), "agrees on keys over modp groups", "libstrongswan-standard-plugins"),
)
"""Any of these plugins, what it does for a PSK tunnel, the Debian package that holds them."""


def lacking_plugins(loaded: Iterable[str]) -> tuple[SystemLacks, ...]:
    """What the running charon cannot do because of a plugin list that is too short."""
    names = frozenset(loaded)
    return tuple(
        SystemLacks(
            f"charon runs without the plugin {' or '.join(plugins)}: nothing {does}",
            hint=f"add {plugins[0]} to charon.load in /etc/strongswan.conf (package {package}) and restart charon",
            code="charon-plugin",
        )
        for plugins, does, package in NEEDED
        if names.isdisjoint(plugins)
    )
