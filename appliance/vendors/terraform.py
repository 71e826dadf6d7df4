"""Terraform's and OpenTofu's states and plans: the resources of a type, wherever in the document they stand.

Three notations hold them: the raw state of version 4 (``terraform.tfstate``, ``terraform state pull``), and what
``terraform show -json`` prints of a state or of a plan (https://developer.hashicorp.com/terraform/internals/json-format).
Values marked as sensitive are in clear in all three; what a plan does not know yet is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # each cloud's table of formats takes MARKS from here, and nobody should wait for trees then
    from appliance.vendors.tree import Node

MARKS = (r'"(terraform_version|format_version)"\s*:', r'"(instances|root_module)"\s*:')
"""What every one of the notations has, for a format's ``marks``; its own first mark is the type of its resource."""
_READ = re.compile(r"vpn|gateway|router|ipsec|public_ip|\Aaws_vpc\Z")
_TERRAFORMS = re.compile(r"[a-z0-9_-]+")


def is_read(kind: str) -> bool:
    """Whether a parser here may ask for this type of resource; what is none of these is not even made a tree. Lists of
    that name which are not Terraform's (Azure's templates) have types of another shape."""
    return _READ.search(kind) is not None or _TERRAFORMS.fullmatch(kind) is None


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One instance of a resource. ``values`` is a mapping of its arguments and attributes; ``address`` is how Terraform
    calls it (``module.site.aws_vpn_connection.main[0]``)."""

    type: str
    address: str
    values: Node

    @property
    def id(self) -> str | None:
        """By this other resources refer to it; None in a plan that has yet to create it."""
        node = self.values.find("id")
        return node.text if node else None


def resources(root: Node, *types: str) -> list[Resource]:
    """All instances of these types, data sources too, in the document's order; of two with one type and id the first
    (a resource, and a data source that looks it up). Instances that are being replaced (``deposed``) are left out."""
    found: dict[object, Resource] = {}
    for resource in (*_raw(root), *_shown(root.find("planned_values")), *_shown(root.find("values"))):
        if resource.type in types:
            found.setdefault((resource.type, resource.id or resource.address), resource)
    return list(found.values())


def referred(found: Iterable[Resource], reference: Node | None, key: str = "id") -> Resource | None:
    """The one whose ``key`` has the text of this reference; None also where there is no reference."""
    text = reference.text if reference else None
    if text is None:
        return None
    return next((known for known in found if (at := known.values.find(key)) and at.text == text), None)


def _raw(root: Node) -> Iterator[Resource]:
    for resource in root.items("resources"):
        kind = _text(resource, "type")
        data = "data." if _text(resource, "mode") == "data" else ""
        module = _text(resource, "module")
        address = f"{module}{'.' if module else ''}{data}{kind}.{_text(resource, 'name')}"
        for instance in resource.items("instances"):
            values = instance.find("attributes")
            if values is not None and instance.find("deposed") is None:
                yield Resource(kind, address + _index(instance.find("index_key")), values)


def _index(key: Node | None) -> str:
    if key is None or key.text is None:
        return ""
    return f"[{key.text}]" if key.text.isdecimal() else f'["{key.text}"]'


def _shown(values: Node | None) -> Iterator[Resource]:
    waiting = [values.find("root_module")] if values else []
    while waiting:
        module = waiting.pop()
        if module is None:
            continue
        for resource in module.items("resources"):
            attributes = resource.find("values")
            if attributes is not None:
                yield Resource(_text(resource, "type"), _text(resource, "address"), attributes)
        waiting += reversed(module.items("child_modules"))


def _text(node: Node, key: str) -> str:
    found = node.find(key)
    return (found.text if found else None) or ""
