"""What goes wrong is named by its layer and its reason."""

from __future__ import annotations

from checking import Done, check, node
from scene import FIRST, configure, must_configure, reason

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
def the_right_document_heals() -> None:
    """The document as it came brings both tunnels up after all that, with exit code 0."""
    must_configure(FIRST)
