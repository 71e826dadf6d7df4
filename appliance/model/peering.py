"""BGP as a speaker is to be told: sessions, what each takes and what each is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from appliance.model.address import IPAddress, IPNetwork
from appliance.model.secret import Secret

OPEN, BEHIND, CLOSED, SHUT = "open", "behind", "closed", "shut"
"""How a session is held: as the intent says · taken from only when no other brings the same, and made less attractive
to the cloud · nothing is taken from it, and less attractive · ended on our side."""

RANKS = {OPEN: 0, BEHIND: 1, CLOSED: 2, SHUT: 2}
"""How readily traffic goes there where several bring the same: the lowest first."""

Stances = Mapping[str, str]
"""By tunnel name; a tunnel that is not in it is open."""


WORSE_PREPEND, WORSE_MED, LAST_CHOICE = 3, 1000, 50
"""What makes a path that should not carry unattractive: repetitions of our number and MED beyond the usual ones for the
cloud, and the local preference of what it brings for us (RFC 4271 section 5.1.5: 100 is usual)."""

LARGEST_MED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """One line of a prefix-list. ``ge``/``le`` bound the length of what lies inside ``prefix``; None: exactly it."""

    permit: bool
    prefix: IPNetwork
    ge: int | None = None
    le: int | None = None

    @property
    def words(self) -> str:
        """As FRR has it, without bounds that say what it assumes anyway."""
        ge = f" ge {self.ge}" if self.ge is not None and self.ge > self.prefix.prefixlen else ""
        le = f" le {self.le}" if self.le is not None and self.le > self.prefix.prefixlen else ""
        return f"{'permit' if self.permit else 'deny'} {self.prefix}{ge}{le}"


@dataclass(frozen=True, slots=True)
class Password:
    """The key of a session (RFC 2385). ``digest`` tells two of them apart; no secret: the text is drawn offline."""

    digest: str = ""
    secret: Secret | None = None

    @property
    def token(self) -> str:
        """What stands for it in a configuration until a door hands that over."""
        return f"{TOKEN}{self.digest}"


TOKEN = "secret:"
PASSWORD_RULE = "1 to 80 printable characters, but no space, quote, \\ { } [ ] ; # ! ? or ,"
"""What Linux takes (TCP_MD5SIG_MAXKEYLEN) and no configuration of either speaker misreads."""

_PASSWORD = re.compile(r"[A-Za-z0-9$%&()*+./:<=>@^_|~-]{1,80}")


def is_password(secret: Secret) -> bool:
    """Whether both speakers can be told this key."""
    return _PASSWORD.fullmatch(secret.reveal()) is not None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One session over one tunnel. ``connection`` and ``tunnel`` name it.

    ``accept`` is looked through in order and ends in deny; ``announce`` likewise. ``force_med`` replaces a received
    MED, so that unequal ones still balance; ``med``, ``prepend`` and ``communities`` are what we tell the cloud.
    ``local_pref`` is given to what it brings: the highest goes first (RFC 4271, section 5.1.5; 100 is usual).
    """

    address: IPAddress
    local_address: IPAddress
    connection: str
    tunnel: str
    peer_asn: int
    keepalive: int  # seconds
    hold: int  # seconds
    accept: tuple[PrefixRule, ...]
    announce: tuple[PrefixRule, ...]
    max_prefixes: int
    force_med: int | None = None
    med: int | None = None
    prepend: int = 0
    communities: tuple[str, ...] = ()
    local_pref: int | None = None
    stance: str = OPEN
    local_asn: int | None = None  # how this cloud knows us, when not the router's ASN
    password: Password | None = None
    ttl_security: bool = False
    extended_messages: bool = True
    third_party: bool = False

    @property
    def preference(self) -> int | None:
        """Of what it brings. Behind others of its connection it is still before a connection that goes later, for those
        are two apart or more; where all go alike, the lowest there is here. None: the usual one."""
        if self.stance != BEHIND:
            return self.local_pref
        return LAST_CHOICE if self.local_pref is None else self.local_pref - 1

    @property
    def told_prepend(self) -> int:
        """A path that should not carry is told with worse attributes, for the cloud chooses by them what comes back."""
        return self.prepend + WORSE_PREPEND * (self.stance != OPEN)

    @property
    def told_med(self) -> int | None:
        """As :attr:`told_prepend`."""
        return self.med if self.stance == OPEN else min(LARGEST_MED, (self.med or 0) + WORSE_MED)


@dataclass(frozen=True, slots=True)
class BgpRouter:
    """Our one BGP instance. ``networks`` are originated (each neighbour's ``announce`` still decides who hears them).
    ``beyond`` are those of them that lie behind one cloud and that another is told of: what the one brings goes first.
    ``maximum_paths`` share a prefix's traffic at most; ``always_compare_med``: MEDs of different ASes are compared too.

    ``source`` is the address that our own traffic to learned prefixes should carry. No design sets it: when that
    address goes from the machine, Linux drops every route that names it, and zebra (FRR 10.3) does not bring them back
    when told to forget it: a renumbered LAN would cut all traffic for the sake of our own. It is for one on ``lo``.
    """

    asn: int
    router_id: IPv4Address
    neighbors: tuple[Neighbor, ...]
    networks: tuple[IPNetwork, ...]
    beyond: frozenset[IPNetwork] = frozenset()
    maximum_paths: int = 8
    always_compare_med: bool = False
    source: IPv4Address | None = None
    extra: str = ""

    @property
    def secrets(self) -> tuple[tuple[str, Secret], ...]:
        """What each token in its configuration stands for, sorted."""
        held = {one.password.token: one.password.secret for one in self.neighbors if one.password is not None}
        return tuple(sorted((token, secret) for token, secret in held.items() if secret is not None))
