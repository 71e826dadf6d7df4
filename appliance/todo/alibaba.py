"""Alibaba Cloud: commands of its CLI, one per API call (https://api.aliyun.com/api/Vpc/2016-04-28)."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.intent.crypto import parse_proposal, recommended
from appliance.model.profile import Profile
from appliance.todo.task import Facts, Task, shell, words_of

_GROUPS = {"modp768": "group1", "modp1024": "group2", "modp1536": "group5", "modp2048": "group14"}
_CIPHERS = {"aes128": "aes", "aes192": "aes192", "aes256": "aes256"}


def alibaba_tasks(facts: Facts) -> Iterator[Task]:
    """Routes back to us, what filters, and the one algorithm of each kind."""
    yield from _routes(facts)
    for network in facts.networks:
        why = f"security groups refuse what comes from {network} until they allow it (narrow it to what is needed)"
        cidr = "SourceCidrIp" if network.version == 4 else "Ipv6SourceCidrIp"
        words = ("--SecurityGroupId", "SECURITY-GROUP", "--IpProtocol", "all", "--PortRange", "-1/-1")
        yield _task(why, "ecs", "AuthorizeSecurityGroup", *words, f"--{cidr}", str(network))
    yield from _algorithms(facts)


def _task(why: str, *words: str) -> Task:
    return Task("alibaba", why, shell("aliyun", *words))


def _routes(facts: Facts) -> Iterator[Task]:
    gateway = facts.gateway or ""
    if gateway.startswith("tr-"):
        why = "the transit router's route table learns our networks only where propagation is on"
        words = ("--TransitRouterRouteTableId", "ROUTE-TABLE", "--TransitRouterAttachmentId", "ATTACHMENT")
        yield _task(why, "cbn", "EnableTransitRouterRouteTablePropagation", *words)
        return
    if facts.connection.mode == "bgp":
        why = "the VPC's route table learns our networks from the VPN gateway only where propagation is on"
        words = ("--VpnGatewayId", gateway or "VPN-GATEWAY", "--AutoPropagate", "true")
        yield _task(why, "vpc", "ModifyVpnGatewayAttribute", *words)
        return
    for network in facts.missing_routes:
        why = f"without BGP the VPN gateway does not know that {network} is ours"
        to = ("--RouteDest", str(network), "--NextHop", facts.id, "--Weight", "100", "--PublishVpc", "true")
        yield _task(why, "vpc", "CreateVpnRouteEntry", "--VpnGatewayId", gateway or "VPN-GATEWAY", *to)


def _algorithms(facts: Facts) -> Iterator[Task]:
    options = tunnel_options(facts.profile)
    for tunnel in facts.connection.tunnels:
        weak = facts.weak(tunnel)
        if weak or facts.was_weak(tunnel):
            what = f"is weak ({words_of(weak)})" if weak else "was weak in the document"
            why = (
                f"{tunnel.name} {what}; the gateway has one algorithm of each kind, so both sides change together:"
                " this, then `--crypto recommended` here; the tunnel stops in between, so one tunnel at a time"
            )
            where = ("--VpnConnectionId", facts.id, "--TunnelId", f"TUNNEL-{tunnel.remote}")
            yield _task(why, "vpc", "ModifyTunnelAttribute", *where, *options)


def tunnel_options(profile: Profile) -> tuple[str, ...]:
    """The recommended algorithms as ModifyTunnelAttribute takes them."""
    ike, esp = recommended(profile)
    words = ["--TunnelOptionsSpecification.TunnelIkeConfig.IkeVersion", f"ikev{ike.version}"]
    for name, phase, proposals in (("Ike", "ike", ike.proposals), ("Ipsec", "esp", esp.proposals)):
        first = parse_proposal(proposals[0], phase)
        for key, value in (
            ("EncAlg", _CIPHERS[first.encryption[0]]),
            ("AuthAlg", first.integrity[0]),
            ("Pfs", _GROUPS[first.groups[0]]),
        ):
            words += [f"--TunnelOptionsSpecification.Tunnel{name}Config.{name}{key}", value]
    return tuple(words)
