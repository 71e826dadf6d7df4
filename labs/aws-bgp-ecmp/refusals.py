"""What goes wrong is named by its layer and its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from checking import Done, check, node
from scene import FIRST, Tunnel, configure, must_configure, reason

CHANGED = "/tmp/changed.txt"


def configure_changed(pattern: str, *options: str) -> Done:
    """Configure from the document with a sed script applied to it."""
    node("gw").shell(f"sed '{pattern}' {FIRST.document} > {CHANGED}")
    return configure(FIRST, *options, document=CHANGED, wait=25)


def expect(done: Done, *words: str) -> None:
    assert done.code == 1, f"configure ended with {done.code}: {(done.out + done.err)[-400:]}"
    said = reason(done).lower()
    missing = [word for word in words if word.lower() not in said]
    assert not missing, f"configure does not say {missing}: {said[-500:]}"


@check(timeout=120)
def a_wrong_key_is_named() -> None:
    """A wrong key on one tunnel: configure ends with 1, names the key and says that the other tunnel carries."""
    expect(configure_changed("s/tunnel_2/tunnel_9/"), "key")


@check(timeout=120)
def a_wrong_proposal_is_named() -> None:
    """A proposal the cloud refuses: configure ends with 1 and names the proposals."""
    expect(configure_changed("s/ike=aes128-sha1-modp1024/ike=aes256-sha512-modp4096/"), "proposal", "modp4096")


@check(timeout=120)
def a_wrong_asn_is_named() -> None:
    """A wrong ASN of the cloud's: configure ends with 1 and names both numbers."""
    done = configure(FIRST, "--peer-asn", "64999", wait=25)
    expect(done, "64999", "64512")


@check(timeout=150)
def no_prefix_received_is_named() -> None:
    """Sessions up and the cloud announces nothing: configure ends with 1 and says that no prefix was received."""
    with announcing("deny 10.1.0.0/16"):
        expect(configure(FIRST, wait=40), "no prefix")


@check(timeout=150)
def a_filtered_prefix_is_named() -> None:
    """The cloud announces a /30 alone, longer than we accept: configure ends with 1 and says that it was filtered."""
    with announcing("permit 10.1.0.0/30"):
        expect(configure(FIRST, wait=25), "filter")


@contextmanager
def announcing(what: str) -> Iterator[None]:
    """For a while both far ends announce this to the first connection, in place of the VPC's prefix."""
    for tunnel in FIRST.tunnels:
        far_end_frr(tunnel, "no ip prefix-list first", f"ip prefix-list first seq 5 {what}",
                    "router bgp 64512", "address-family ipv4 unicast", "network 10.1.0.0/30")  # fmt: skip
    try:
        yield
    finally:
        for tunnel in FIRST.tunnels:
            far_end_frr(tunnel, "no ip prefix-list first", f"ip prefix-list first seq 5 permit {FIRST.prefix}",
                        "router bgp 64512", "address-family ipv4 unicast", "no network 10.1.0.0/30")  # fmt: skip


def far_end_frr(tunnel: Tunnel, *lines: str) -> None:
    """Configuration lines for a far end's FRR, and its announcements anew."""
    words = [word for line in ("configure terminal", *lines) for word in ("-c", line)]
    node(tunnel.end).run("vtysh", *words)
    node(tunnel.end).run("vtysh", "-c", "clear bgp * soft out")


@check(timeout=150)
def the_right_document_heals() -> None:
    """The document as it came brings both tunnels up after all that, with exit code 0."""
    must_configure(FIRST)
