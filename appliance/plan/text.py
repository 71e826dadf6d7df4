"""A plan as people read it: what changes, what that does to traffic, what stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from difflib import unified_diff

from appliance.model.change import Change
from appliance.model.resources import (
    Detour,
    FirewallTable,
    FrrConfig,
    IkeConnection,
    Nexthop,
    Resource,
    SharedKey,
    Sysctl,
)

SIGNS = {"add": "+", "change": "~", "remove": "-"}
_HIDDEN = {"secret", "fingerprint", "protocol", "stays"}
_UNSAID = {"text", "secrets", "child", "machine_wide", "up", "parts", "written", "digest"}


def describe_change(change: Change) -> str:
    """One change, one or more lines; a changed text as its difference. No secret can appear."""
    head = f"{SIGNS[change.verb]} {title(change.resource)}"
    match change.old, change.new:
        case (FirewallTable() | FrrConfig()) as old, (FirewallTable() | FrrConfig()) as new:
            return "\n".join([head, *(f"    {line}" for line in _text_difference(old.text, new.text))])
        case SharedKey(), SharedKey():
            return f"{head}: the key changes"
        case Detour(via=before), Detour(via=after) if before == after:
            return f"{head}: other packets stay"
        case old, new if old is not None and new is not None:
            return f"{head}: {', '.join(_field_differences(old, new))}"
    return f"{head}{_details(change.resource)}"


def title(resource: Resource) -> str:
    """The resource in a few words."""
    match resource:
        case FirewallTable():
            return f"nftables table inet appliance ({len(resource.text.splitlines())} lines)"
        case FrrConfig():
            return f"FRR configuration ({len(resource.text.splitlines())} lines)"
        case Sysctl(machine_wide=True):
            return f"{resource.key} (the whole machine)"
    return resource.key


def describe_changes(changes: Iterable[Change]) -> list[str]:
    """All changes, in the order in which they will be made."""
    return [line for change in changes for line in describe_change(change).splitlines()]


def _details(resource: Resource) -> str:
    match resource:
        case IkeConnection():
            return f": {_ike(resource)}"
        case Nexthop(link=None):
            return ": drops what it is given"
    shown = [name.name for name in fields(resource) if name.name not in _HIDDEN | _UNSAID]
    words = [f"{name} {_show(getattr(resource, name))}" for name in shown if _worth_saying(resource, name)]
    return f": {', '.join(words)}" if words else ""


def _ike(ike: IkeConnection) -> str:
    """What an operator compares with the cloud's console; the times follow from the cloud's profile."""
    ends = f"IKEv{ike.version} {ike.local or 'any address'} as {ike.local_id} to {ike.remote} as {ike.remote_id}"
    proposals = f"ike {', '.join(ike.proposals)}; esp {', '.join(ike.child.proposals)}"
    return f"{ends}, if_id {ike.if_id}, {proposals}"


def _worth_saying(resource: Resource, name: str) -> bool:
    value = getattr(resource, name)
    return value is not None and value is not False and str(value) not in resource.key.split()


def _show(value: object) -> str:
    return " ".join(_show_item(item) for item in value) if isinstance(value, tuple) else str(value)


def _show_item(item: object) -> str:
    """A group's member is a nexthop, with its weight where that says anything."""
    match item:
        case (id, 1):
            return str(id)
        case (id, weight):
            return f"{id} (weight {weight})"
    return str(item)


def _field_differences(old: Resource, new: Resource) -> list[str]:
    names = [name.name for name in fields(new) if name.name not in _HIDDEN]
    return [
        f"{name} {_show(getattr(old, name))} -> {_show(getattr(new, name))}"
        for name in names
        if getattr(old, name) != getattr(new, name)
    ]


def _text_difference(old: str, new: str) -> list[str]:
    lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
