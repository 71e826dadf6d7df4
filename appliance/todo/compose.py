"""What is left to do on the cloud's side after a connection has been configured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from appliance.model.document import ReadConnection
from appliance.model.intent import Connection, Intent
from appliance.profiles import PROFILES
from appliance.todo.alibaba import alibaba_tasks
from appliance.todo.aws import aws_tasks
from appliance.todo.azure import azure_tasks
from appliance.todo.google import google_tasks
from appliance.todo.habits import habit_tasks
from appliance.todo.oracle import oracle_tasks
from appliance.todo.task import Facts, Task

_TASKS: Mapping[str, Callable[[Facts], Iterable[Task]]] = {
    "aws": aws_tasks,
    "alibaba": alibaba_tasks,
    "gcp": google_tasks,
    "azure": azure_tasks,
    "oci": oracle_tasks,
}


def compose_todo(
    intent: Intent, connection: Connection, read: ReadConnection | None = None, before: Connection | None = None
) -> tuple[Task, ...]:
    """Everything to do for this connection of the intent, in the order in which to do it. ``read`` is what a document
    said, ``before`` what it alone would make; without them more is left open. Nothing for a standard gateway."""
    tasks = _TASKS.get(connection.cloud)
    if tasks is None:
        return ()
    announced = connection.announce.networks
    networks = intent.site.networks if announced is None or connection.mode != "bgp" else announced
    behind_nat = any(uplink.public is not None for uplink in intent.uplinks)
    facts = Facts(connection, PROFILES[connection.cloud], networks, read, before, behind_nat)
    return (*tasks(facts), *habit_tasks(facts)) if networks else ()
