"""Why a tunnel does not come up, read from what charon logged about it.

An attempt is what lies between two ``initiating`` lines: within one the plainest reason wins over mere silence, and
the newest attempt that got anywhere speaks for the tunnel. ``tests/ipsec/logs`` holds each failure as two real charons
produced it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from re import Match

from appliance.diagnose.ike_log import CHILD_UP, WAS_UP, Case, attempts, lines_about, offered
from appliance.model.finding import Finding
from appliance.model.resources import IkeConnection
from appliance.model.sa import IkeLine


def judge(
    tunnel: IkeConnection,
    lines: Iterable[IkeLine],
    their_ike: Sequence[str] = (),
    their_esp: Sequence[str] = (),
) -> Finding | None:
    """Why the tunnel is not up, or None when the log says nothing against it.

    ``their_ike`` and ``their_esp`` are the proposals the cloud is known to accept; when charon logged what the cloud
    itself proposed, that is told instead.
    """
    about = lines_about(tunnel, lines)
    listed, was_up = offered(about), any(WAS_UP.search(line.text) for line in about)
    for attempt in reversed(list(attempts(about))):
        case = Case(tunnel, attempt, listed.get("IKE", tuple(their_ike)), listed.get("ESP", tuple(their_esp)), was_up)
        up = case.find(CHILD_UP)
        if up is not None:
            case = replace(case, lines=case.after(CHILD_UP))
        finding = next(filter(None, (rule(case) for rule in RULES)), None)
        if finding is not None or up is not None:
            return finding or _narrowed(case, up)
    return None


def _lists(ours: Sequence[str], theirs: Sequence[str]) -> str:
    told = ", ".join(theirs) if theirs else "not told, see the cloud's settings of this tunnel"
    return f"ours: {', '.join(ours)}; theirs: {told}"


def _finding(case: Case, layer: str, code: str, message: str, remedy: str) -> Finding:
    return Finding(layer, code, case.tunnel.name, message, remedy)


def _kernel(case: Case) -> Finding | None:
    if not case.says(r"unable to (install .*in kernel|allocate SPI from kernel)|allocating SPI from kernel failed"):
        return None
    return _finding(
        case, "kernel", "kernel-refused", f"the kernel did not take the keys of {case.tunnel.name}",
        "load its ESP and XFRM modules (modprobe esp4 esp6 xfrm_interface) and the ciphers of the proposal",
    )  # fmt: skip


def _no_key(case: Case) -> Finding | None:
    if not case.says(r"no shared key found"):
        return None
    tunnel = case.tunnel
    return _finding(
        case, "ike", "no-key", f"charon has no pre-shared key for {tunnel.local_id} and {tunnel.remote_id}",
        "apply the intent again: the key was unloaded by somebody else",
    )  # fmt: skip


def _wrong_key(case: Case) -> Finding | None:
    """IKEv1: message 5 cannot be read (RFC 2409 section 5). IKEv2: the AUTH value differs (RFC 7296 section 2.15)."""
    if not case.says(r"MAC mismatched|could not decrypt payloads|received (INVALID_HASH_INFORM|PAYLOAD_MALFORMED)"):
        return None
    tunnel = case.tunnel
    return _finding(
        case, "ike", "wrong-key", f"the pre-shared key of {tunnel.name} is not the one that {tunnel.remote} has",
        "take the key from a fresh download of the cloud's configuration; check that it is for this outside address",
    )  # fmt: skip


def _their_identity(case: Case) -> Finding | None:
    found = case.find(r"IDir '(?P<got>.+?)' does not match to '(?P<want>.+?)'") or case.find(
        r"identity '(?P<want>.+?)' .*required, not matched by '(?P<got>.+?)'"
    )
    if found is None:
        return None
    return _finding(
        case, "ike", "identity", f"{case.tunnel.remote} calls itself {found['got']}, we expect {found['want']}",
        f"set the tunnel's remote-id to {found['got']} if that is the cloud's",
    )  # fmt: skip


def _stranger(case: Case) -> Finding | None:
    """We were called, by the right address, with an identity or to one that is not in the tunnel's configuration."""
    if not case.says(r"no matching peer config found|no peer config found"):
        return None
    called = case.find(r"looking for .*peer configs matching \S+?(\[(?P<us>.+?)\])?\.\.\.\S+?\[(?P<them>.+?)\]")
    tunnel = case.tunnel
    them = called["them"] if called else "another identity"
    us = (called["us"] if called else None) or tunnel.local_id
    return _finding(
        case, "ike", "identity",
        f"{tunnel.remote} calls itself {them} and us {us}; we expect {tunnel.remote_id} and {tunnel.local_id}",
        "set remote-id and local-id of the tunnel to what the cloud uses (behind NAT: the public address)",
    )  # fmt: skip


def _authentication(case: Case) -> Finding | None:
    """IKEv2 says the same for both faults. In IKEv1 the peer could read our identity, so the key is right."""
    if not case.says(r"received AUTHENTICATION_FAILED"):
        return None
    tunnel = case.tunnel
    if tunnel.version == 1:
        return _finding(
            case, "ike", "identity", f"{tunnel.remote} does not know us as {tunnel.local_id}",
            "set the tunnel's local-id to the address of the cloud's customer gateway (behind NAT: the public one)",
        )  # fmt: skip
    return _finding(
        case, "ike", "wrong-key",
        f"{tunnel.remote} refused our authentication: the pre-shared key is wrong, or it expects other identities than "
        f"{tunnel.local_id} (us) and {tunnel.remote_id} (itself)",
        "compare the key with a fresh download; behind NAT local-id must be the public address the cloud was given",
    )  # fmt: skip


def _proposal(case: Case) -> Finding | None:
    """One notification for IKE, for the child and for a rekey: the exchange it answers tells which."""
    if not case.says(r"received (NO_PROPOSAL_CHOSEN|INVALID_KE_PAYLOAD)|received proposals unacceptable|"
                     r"no (acceptable |matching )?proposal found|no IKE config found"):  # fmt: skip
        return None
    if case.says(r"CREATE_CHILD_SA request \d+ \[ N\(REKEY_SA\)"):
        return _pfs(case)
    if case.says(r"IKE_SA \S+ established|QUICK_MODE|CREATE_CHILD_SA"):
        return _child_proposal(case)
    tunnel = case.tunnel
    return _finding(
        case, "ike", "no-proposal-ike",
        f"no proposal chosen for IKEv{tunnel.version}: {tunnel.remote} accepts none of ours "
        f"({_lists(tunnel.proposals, case.their_ike)})",
        "set ike.proposals to what the cloud allows; the same answer comes when it allows only the other IKE version "
        "or knows no customer gateway at our address",
    )  # fmt: skip


def _child_proposal(case: Case) -> Finding:
    tunnel, ours = case.tunnel, case.tunnel.child.proposals
    return _finding(
        case, "child", "no-proposal-child",
        f"no proposal chosen for ESP: IKE is up, but {tunnel.remote} accepts none of ours "
        f"({_lists(ours, case.their_esp)})",
        "set esp.proposals to what the cloud allows"
        + (", its PFS group included" if tunnel.version == 1 else ""),
    )  # fmt: skip


def _pfs(case: Case) -> Finding:
    """The first CHILD_SA takes its keys from IKE_AUTH, so a wrong group shows at the first rekey (RFC 7296, 1.2)."""
    tunnel, ours = case.tunnel, case.tunnel.child.proposals
    return _finding(
        case, "child", "pfs-mismatch",
        f"PFS mismatch: {tunnel.remote} refuses to rekey the child of {tunnel.name}, which would end when its "
        f"{tunnel.child.life_time} s are over ({_lists(ours, case.their_esp)})",
        "give esp.proposals the group the cloud uses for phase 2, or none where it has PFS switched off",
    )  # fmt: skip


def _selectors(case: Case) -> Finding | None:
    if not case.says(r"received (TS_UNACCEPTABLE|INVALID_ID_INFORMATION)|no acceptable traffic selectors found|"
                     r"traffic selectors .* unacceptable|no matching CHILD_SA config found"):  # fmt: skip
        return None
    child = case.tunnel.child
    ours = f"{', '.join(map(str, child.local_ts))} === {', '.join(map(str, child.remote_ts))}"
    return _finding(
        case, "child", "selectors", f"{case.tunnel.remote} does not accept our traffic selectors {ours}",
        "set the cloud's local and remote networks of this connection to 0.0.0.0/0, or ours to its own",
    )  # fmt: skip


def _narrowed(case: Case, up: Match[str] | None) -> Finding | None:
    child = case.tunnel.child
    asked = (" ".join(map(str, child.local_ts)), " ".join(map(str, child.remote_ts)))
    if up is None or (up["ours"], up["theirs"]) == asked:
        return None
    return _finding(
        case, "child", "selectors-narrowed",
        f"{case.tunnel.remote} lets only {up['ours']} === {up['theirs']} into the tunnel",
        "set the cloud's local and remote networks of this connection to 0.0.0.0/0; BGP itself may not pass as it is",
    )  # fmt: skip


def _closed(case: Case) -> Finding | None:
    if not case.says(r"received DELETE for IKE_SA"):
        return None
    return _finding(
        case, "ike", "peer-closed", f"{case.tunnel.remote} closed the tunnel",
        "a cloud does so when it replaces or reconfigures its end; see the cloud's own log of the tunnel if it repeats",
    )  # fmt: skip


def _unique(case: Case) -> Finding | None:
    if not case.says(r"due to uniqueness policy"):
        return None
    return _finding(
        case, "ike", "duplicate", f"a second IKE_SA with {case.tunnel.remote_id} was refused by the uniqueness policy",
        "two tunnels share this remote identity: give each its own, or unique: never",
    )  # fmt: skip


def _no_route(case: Case) -> Finding | None:
    found = case.find(r"error writing to socket: (?P<why>.+)")
    if found is None or not case.says(r"retransmit \d+ of request"):
        return None
    return _finding(
        case, "underlay", "no-route", f"we cannot send to {case.tunnel.remote}: {found['why']}",
        "the uplink has no address or no route to it: check `ip route get` for that address",
    )  # fmt: skip


def _silence(case: Case) -> Finding | None:
    """How far we got tells what is closed: UDP 500, or UDP 4500, where RFC 3947 moves once a NAT is seen."""
    if not case.says(r"retransmit \d+ of request|giving up after|DPD check timed out"):
        return None
    remote, sent = case.tunnel.remote, case.find(r"^sending packet: from \S+ to \S+\[(?P<port>\d+)\]")
    port = sent["port"] if sent else "500"
    if case.was_up:
        return _finding(
            case, "underlay", "peer-died", f"{remote} stopped answering on UDP {port}",
            "the path or the cloud's end went down; we try again without end. See the uplink and the cloud's status",
        )  # fmt: skip
    answered = case.says(r"^parsed (IKE_SA_INIT|ID_PROT) response")
    if answered and port != "500":
        return _finding(
            case, "underlay", "no-answer-4500", f"{remote} answers on UDP 500 but not on UDP {port}",
            f"open UDP {port} both ways: a NAT stands between us, so everything after the first messages goes there",
        )  # fmt: skip
    if answered:
        return _finding(
            case, "underlay", "no-answer-auth", f"{remote} answers our first message but not the authentication",
            "something between drops larger UDP packets, or the cloud ignores peers it cannot authenticate",
        )  # fmt: skip
    return _finding(
        case, "underlay", "no-answer", f"{remote} does not answer on UDP {port}",
        "check that this is the cloud's outside address, that UDP 500 and 4500 pass both ways, and that the cloud's "
        "customer gateway names our public address",
    )  # fmt: skip


RULES: tuple[Callable[[Case], Finding | None], ...] = (
    _kernel, _no_key, _wrong_key, _their_identity, _stranger, _authentication, _proposal, _selectors, _unique,
    _closed, _no_route, _silence,
)  # fmt: skip
"""From the plainest reason to mere silence."""
