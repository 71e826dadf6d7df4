"""Azure: commands of az (https://learn.microsoft.com/cli/azure/network)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.intent.crypto import parse_proposal, recommended
from appliance.model.profile import Profile
from appliance.todo.task import Facts, Task, shell, words_of

_GROUPS = {"modp2048": ("DHGroup14", "PFS2048"), "ecp256": ("ECP256", "ECP256"), "ecp384": ("ECP384", "ECP384")}
_KILOBYTES = "102400000"  # Azure's default; volume, not time, then decides on fast connections


def azure_tasks(facts: Facts) -> Iterator[Task]:
    """Routes back to us, what filters, what forwards, and the connection's one policy."""
    group = _group(facts)
    yield _local_gateway(facts, group)
    why = "subnets with a route table of their own learn our networks only where propagation is on; for each of them"
    table = ("route-table", "update", *group, "--name", "ROUTE-TABLE", "--disable-bgp-route-propagation", "false")
    yield _task(why, *table)
    why = "network security groups filter what comes from our networks (narrow it to what is needed)"
    rule = ("nsg", "rule", "create", *group, "--nsg-name", "NSG", "--name", f"allow-{facts.connection.name}")
    ranges = ("--source-address-prefixes", *map(str, facts.networks), "--destination-port-ranges", "*")
    yield _task(why, *rule, "--priority", "200", "--access", "Allow", "--protocol", "*", *ranges)
    if facts.behind_nat:
        why = "only if this appliance is a VM in Azure: its interface drops what it forwards for others"
        yield _task(why, "nic", "update", *group, "--name", "NIC", "--ip-forwarding", "true")
    yield from _policy(facts, group)


def _group(facts: Facts) -> tuple[str, str]:
    """The resource group, which stands in the connection's id."""
    found = re.search(r"(?i)/resourceGroups/([^/]+)/", facts.id)
    return ("--resource-group", found[1] if found else "GROUP")


def _task(why: str, *words: str) -> Task:
    return Task("azure", why, shell("az", "network", *words))


def _local_gateway(facts: Facts, group: tuple[str, str]) -> Task:
    """With BGP its address space holds our BGP addresses and nothing else (Azure's BGP FAQ)."""
    name = facts.our_gateway or "LOCAL-GATEWAY"
    update = ("local-gateway", "update", *group, "--name", name, "--local-address-prefixes")
    if facts.connection.mode != "bgp":
        why = "without BGP the gateway sends to us what the local network gateway's address space holds"
        return _task(why, *update, *map(str, facts.networks))
    ours = [f"{tunnel.inside.ip}/32" for tunnel in facts.connection.tunnels if tunnel.inside]
    why = "with BGP the local network gateway's address space holds our inside addresses and nothing else"
    return _task(why, *update, *ours) if ours else Task("azure", why)


def _policy(facts: Facts, group: tuple[str, str]) -> Iterator[Task]:
    weak = [choice for tunnel in facts.connection.tunnels for choice in facts.weak(tunnel)]
    if weak or any(facts.was_weak(tunnel) for tunnel in facts.connection.tunnels):
        what = f"is weak ({words_of(tuple(dict.fromkeys(weak)))})" if weak else "was weak in the document"
        why = (
            f"{facts.connection.name} {what}; a connection has one policy, so both sides change together: this, then"
            " `--crypto recommended` here; the connection stops in between"
        )
        add = ("vpn-connection", "ipsec-policy", "add", *group, "--connection-name", facts.id.rpartition("/")[2])
        yield _task(why, *add, *policy(facts.profile))


def policy(profile: Profile) -> tuple[str, ...]:
    """The recommended algorithms as ``ipsec-policy add`` takes them; AES-GCM is its own integrity."""
    ike, esp = recommended(profile)
    one, two = parse_proposal(ike.proposals[0], "ike"), parse_proposal(esp.proposals[0], "esp")
    words = (
        ("--ike-encryption", _cipher(one.encryption[0])),
        ("--ike-integrity", _cipher(one.encryption[0]) if one.aead else one.integrity[0].upper()),
        ("--dh-group", _GROUPS[one.groups[0]][0]),
        ("--ipsec-encryption", _cipher(two.encryption[0])),
        ("--ipsec-integrity", _cipher(two.encryption[0]) if two.aead else two.integrity[0].upper()),
        ("--pfs-group", _GROUPS[two.groups[0]][1]),
        ("--sa-lifetime", str(esp.lifetime)),
        ("--sa-max-size", _KILOBYTES),
    )
    return tuple(word for pair in words for word in pair)


def _cipher(name: str) -> str:
    return f"GCMAES{name[3:6]}" if "gcm" in name else name.upper()
