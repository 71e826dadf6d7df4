"""What follows from a gateway's habits, whatever its command line: when it balances, and what answers probes."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.model.intent import ProbeTarget
from appliance.todo.task import Facts, Task


def habit_tasks(facts: Facts) -> Iterator[Task]:
    """Conditions to look after on the cloud's side; none has a command."""
    connection, profile = facts.connection, facts.profile
    if connection.preference == "equal" and len(connection.tunnels) > 1 and profile.ecmp:
        yield Task(connection.cloud, f"traffic towards us is balanced over the tunnels only by {profile.ecmp}")
    only_peers = all(target == ProbeTarget("peer-inside") for target in connection.probe.targets)
    if connection.probe.targets and only_peers and profile.probe_target is None:
        why = (
            f"that {profile.title}'s inside address answers an echo is nowhere promised: let a host behind it answer "
            "and name it (probe: {targets: [{icmp: ADDRESS}]}); until a target has answered, "
            "SAs and BGP alone decide which path is good"
        )
        yield Task(connection.cloud, why)
