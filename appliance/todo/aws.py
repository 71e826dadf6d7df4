"""AWS: commands of its CLI (https://docs.aws.amazon.com/cli/latest/reference/ec2/)."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.crypto import parse_proposal, recommended
from appliance.model.algorithms import GROUP_NUMBERS
from appliance.model.profile import Profile
from appliance.todo.task import Facts, Task, shell, words_of

_NUMBERS = {keyword: number for number, keyword in GROUP_NUMBERS.items()}
_ENDPOINT = (
    "AWS replaces the tunnel's endpoint, so its traffic stops for some minutes: one tunnel at a time, the next when"
    " this one carries again"
)


def aws_tasks(facts: Facts) -> Iterator[Task]:
    """Routes back to us, what filters, what forwards, and which algorithms AWS accepts."""
    yield from _routes(facts)
    yield _security_group(facts)
    if facts.behind_nat:
        why = (
            "only if this appliance is an EC2 instance: the source/destination check drops what it forwards for others"
        )
        yield _task(why, "modify-instance-attribute", "--instance-id", "INSTANCE", "--no-source-dest-check")
    yield from _algorithms(facts)


def _task(why: str, *words: str) -> Task:
    return Task("aws", why, shell("aws", "ec2", *words))


def _routes(facts: Facts) -> Iterator[Task]:
    gateway = facts.gateway or ""
    if gateway.startswith("tgw-"):
        yield from _transit_routes(facts, gateway)
        return
    if facts.connection.mode != "bgp":
        for network in facts.missing_routes:
            why = f"without BGP the connection does not know that {network} is ours"
            words = ("--vpn-connection-id", facts.id, "--destination-cidr-block", str(network))
            yield _task(why, "create-vpn-connection-route", *words)
    if gateway.startswith("core-network"):
        yield Task("aws", "the core network's policy must share the segment of this connection with those of the VPCs")
        return
    if not gateway:
        why = (
            "the document does not name the gateway; give this command's output as a further document to see more here"
        )
        yield _task(why, "describe-vpn-connections", "--vpn-connection-ids", facts.id)
    why = "the subnets' route tables learn our networks from the gateway only where propagation is on; for each of them"
    words = ("--gateway-id", gateway or "VGW", "--route-table-id", "ROUTE-TABLE")
    yield _task(why, "enable-vgw-route-propagation", *words)


def _transit_routes(facts: Facts, gateway: str) -> Iterator[Task]:
    why = "the attachment's id, which the next commands need"
    yield _task(why, "describe-transit-gateway-attachments", "--filters", f"Name=resource-id,Values={facts.id}")
    table = ("--transit-gateway-route-table-id", "TGW-ROUTE-TABLE", "--transit-gateway-attachment-id", "ATTACHMENT")
    if facts.connection.mode == "bgp":
        why = "the transit gateway's route table learns our networks only where propagation is on; for each of them"
        yield _task(why, "enable-transit-gateway-route-table-propagation", *table)
    for network in facts.networks:
        block = ("--destination-cidr-block", str(network))
        if facts.connection.mode != "bgp":
            why = f"without BGP the transit gateway does not know that {network} is ours"
            yield _task(why, "create-transit-gateway-route", *block, *table)
        kind = "--destination-cidr-block" if network.version == 4 else "--destination-ipv6-cidr-block"
        why = f"the VPCs' route tables do not send {network} to the transit gateway; for each of them"
        words = ("--route-table-id", "ROUTE-TABLE", kind, str(network), "--transit-gateway-id", gateway)
        yield _task(why, "create-route", *words)


def _security_group(facts: Facts) -> Task:
    v4 = ",".join(f"{{CidrIp={network}}}" for network in facts.networks if network.version == 4)
    v6 = ",".join(f"{{CidrIpv6={network}}}" for network in facts.networks if network.version == 6)
    ranges = ",".join(filter(None, (v4 and f"IpRanges=[{v4}]", v6 and f"Ipv6Ranges=[{v6}]")))
    why = "security groups refuse what comes from our networks until they allow it (narrow it to what is needed)"
    words = ("--group-id", "SECURITY-GROUP", "--ip-permissions", f"IpProtocol=-1,{ranges}")
    return _task(why, "authorize-security-group-ingress", *words)


def _algorithms(facts: Facts) -> Iterator[Task]:
    """Whatever we propose, AWS settles on the lowest that its lists allow (User Guide, "Tunnel options for your AWS
    Site-to-Site VPN connection"): so the lists are narrowed."""
    options = tunnel_options(facts.profile)
    for tunnel in facts.connection.tunnels:
        weak = facts.weak(tunnel)
        if weak:
            first = "first `--crypto recommended` here, which AWS accepts unless its lists are narrow, then this"
            why = f"{tunnel.name} is weak ({words_of(weak)}): {first}; {_ENDPOINT}"
        elif facts.was_weak(tunnel):
            why = f"AWS still accepts weak algorithms for {tunnel.name}: narrow its lists; {_ENDPOINT}"
        else:
            continue
        where = ("--vpn-connection-id", facts.id, "--vpn-tunnel-outside-ip-address", str(tunnel.remote))
        yield _task(why, "modify-vpn-tunnel-options", *where, "--tunnel-options", options)


def tunnel_options(profile: Profile) -> str:
    """The recommended algorithms as ModifyVpnTunnelOptions takes them."""
    ike, esp = recommended(profile)
    lists = [f"IKEVersions=[{{Value=ikev{ike.version}}}]"]
    for number, phase, proposals in ((1, "ike", ike.proposals), (2, "esp", esp.proposals)):
        parsed = [parse_proposal(text, phase) for text in proposals]
        ciphers = [cipher for each in parsed for cipher in each.encryption]
        hashes = [digest.removeprefix("prf") for each in parsed for digest in (*each.integrity, *each.prf)]
        groups = [group for each in parsed for group in each.groups]
        lists += [
            f"Phase{number}EncryptionAlgorithms={_values([_cipher(name) for name in ciphers])}",
            f"Phase{number}IntegrityAlgorithms={_values([name.upper().replace('SHA', 'SHA2-') for name in hashes])}",
            f"Phase{number}DHGroupNumbers={_values([str(_NUMBERS[name]) for name in groups])}",
        ]
    return ",".join(lists)


def _cipher(name: str) -> str:
    return f"AES{name[3:6]}{'-GCM-16' if 'gcm' in name else ''}"


def _values(names: list[str]) -> str:
    return f"[{','.join(f'{{Value={name}}}' for name in dict.fromkeys(names))}]"
