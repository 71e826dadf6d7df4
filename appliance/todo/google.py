"""Google Cloud: commands of gcloud (https://cloud.google.com/sdk/gcloud/reference/compute)."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.todo.task import Facts, Task, shell, words_of


def google_tasks(facts: Facts) -> Iterator[Task]:
    """What filters, routes back to us, what forwards, and tunnels to be made anew."""
    for version in {network.version for network in facts.networks}:
        nets = ",".join(str(network) for network in facts.networks if network.version == version)
        why = "the VPC's firewall refuses what comes from our networks until it allows it (narrow it to what is needed)"
        words = ("firewall-rules", "create", f"allow-{facts.connection.name}-ipv{version}", "--network", "NETWORK")
        yield _task(why, *words, "--direction", "INGRESS", "--allow", "all", "--source-ranges", nets)
    if facts.connection.mode == "bgp":
        why = "the Cloud Router gives our networks to its own region alone unless the VPC routes globally"
        yield _task(why, "networks", "update", "NETWORK", "--bgp-routing-mode", "global")
    else:
        yield from _static_routes(facts)
    if facts.behind_nat:
        why = "only if this appliance is a VM in Google Cloud: it must have been made with --can-ip-forward"
        yield Task("gcp", why)
    for tunnel in facts.connection.tunnels:
        weak = facts.weak(tunnel)
        if weak:
            why = (
                f"{tunnel.name} is weak ({words_of(weak)}): a tunnel's algorithms cannot be changed; make it anew with"
                " --phase1-encryption AES-GCM-16-256 --phase1-prf PRF-HMAC-SHA2-384 --phase1-dh Group-20"
                " --phase2-encryption AES-GCM-16-256 --phase2-pfs Group-20, one tunnel at a time"
            )
            yield Task("gcp", why)


def _task(why: str, *words: str) -> Task:
    return Task("gcp", why, shell("gcloud", "compute", *words))


def _static_routes(facts: Facts) -> Iterator[Task]:
    for number, network in enumerate(facts.missing_routes, start=1):
        for tunnel in facts.connection.tunnels:
            why = f"without BGP the VPC does not know that {network} is behind {tunnel.name}"
            to = ("--next-hop-vpn-tunnel", f"TUNNEL-{tunnel.remote}", "--next-hop-vpn-tunnel-region", "REGION")
            words = ("routes", "create", f"to-{tunnel.name}-{number}", "--network", "NETWORK")
            yield _task(why, *words, "--destination-range", str(network), *to)
