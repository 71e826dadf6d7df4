"""Oracle Cloud: commands of oci (https://docs.oracle.com/iaas/tools/oci-cli/latest/oci_cli_docs/cmdref/network.html)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from appliance.intent.crypto import Proposal, parse_proposal, recommended
from appliance.model.algorithms import GROUP_NUMBERS
from appliance.model.profile import Profile
from appliance.todo.task import Facts, Task, shell, words_of

_NUMBERS = {keyword: number for number, keyword in GROUP_NUMBERS.items()}
_IKE_HASHES = {"sha256": "SHA2_256", "sha384": "SHA2_384"}
_ESP_HASHES = {"sha256": "HMAC_SHA2_256_128"}


def oracle_tasks(facts: Facts) -> Iterator[Task]:
    """Routes back to us, what filters, what forwards, and the algorithms of each tunnel."""
    if facts.connection.mode != "bgp" and facts.missing_routes:
        why = "without BGP the connection sends to us what its static routes hold (all of them: this replaces the list)"
        nets = json.dumps([str(network) for network in facts.networks])
        yield _task(why, "ip-sec-connection", "update", "--ipsc-id", facts.id, "--static-routes", nets)
    nets = ", ".join(map(str, facts.networks))
    why = f"each subnet's route table needs a rule that sends {nets} to the DRG; in the console, for `oci` replaces all"
    yield Task("oci", why)
    yield _security_group(facts)
    if facts.behind_nat:
        why = "only if this appliance is an instance in OCI: its interface drops what it forwards for others"
        yield _task(why, "vnic", "update", "--vnic-id", "VNIC", "--skip-source-dest-check", "true")
    yield from _algorithms(facts)


def _task(why: str, *words: str) -> Task:
    return Task("oci", why, shell("oci", "network", *words))


def _security_group(facts: Facts) -> Task:
    rules = [
        {"direction": "INGRESS", "protocol": "all", "source": str(network), "sourceType": "CIDR_BLOCK"}
        for network in facts.networks
    ]
    why = "security lists and groups refuse what comes from our networks until they allow it (narrow it to the needed)"
    return _task(why, "nsg", "rules", "add", "--nsg-id", "NSG", "--security-rules", json.dumps(rules))


def _algorithms(facts: Facts) -> Iterator[Task]:
    for tunnel in facts.connection.tunnels:
        weak = facts.weak(tunnel)
        if weak or facts.was_weak(tunnel):
            what = f"is weak ({words_of(weak)})" if weak else "was weak in the document"
            why = (
                f"{tunnel.name} {what}; a list of its own also keeps Oracle's first message in one packet. The tunnel"
                " stops while it is made anew: one tunnel at a time, with `--crypto recommended` here"
            )
            where = ("--ipsc-id", facts.id, "--tunnel-id", f"TUNNEL-{tunnel.remote}")
            yield _task(why, "ip-sec-tunnel", "update", *where, *phases(facts.profile))


def phases(profile: Profile) -> tuple[str, ...]:
    """The recommended algorithms as ``ip-sec-tunnel update`` takes them."""
    ike, esp = recommended(profile)
    one, two = parse_proposal(ike.proposals[0], "ike"), parse_proposal(esp.proposals[0], "esp")
    first = {
        "isCustomPhaseOneConfig": True,
        "encryptionAlgorithm": _cipher(one),
        "authenticationAlgorithm": _IKE_HASHES[one.integrity[0]],
        "diffieHelmanGroup": f"GROUP{_NUMBERS[one.groups[0]]}",
    }
    second = {"isCustomPhaseTwoConfig": True, "encryptionAlgorithm": _cipher(two)}
    second |= {} if two.aead else {"authenticationAlgorithm": _ESP_HASHES[two.integrity[0]]}
    second |= {"isPfsEnabled": True, "pfsDhGroup": f"GROUP{_NUMBERS[two.groups[0]]}"}
    configs = ("--phase-one-config", json.dumps(first), "--phase-two-config", json.dumps(second))
    return ("--ike-version", f"V{ike.version}", *configs)


def _cipher(proposal: Proposal) -> str:
    return f"AES_{proposal.encryption[0][3:6]}_{'GCM' if proposal.aead else 'CBC'}"
