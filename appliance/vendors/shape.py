"""One shape for the many in which a cloud's resources are shown: keys with humps, hyphens, underlines or capitals, by
its API, its CLI, PowerShell or Terraform; what Azure's API keeps in ``properties`` and its CLI does not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.vendors.tree import Node


def plain(node: Node, renamed: Mapping[str, str] | None = None) -> Node:
    """The same tree with keys in lower case, letters and digits only, what stands in ``properties`` one level higher,
    and the keys of ``renamed`` called otherwise."""
    value = node.value
    if isinstance(value, list):
        return Node([plain(child, renamed) for child in value], node.file, node.line, node.key)
    if not isinstance(value, dict):
        return node
    found: dict[str, Node] = {}
    for key, child in value.items():
        name = re.sub(r"[^a-z0-9]", "", key.lower())
        inner = plain(child, renamed)
        if name == "properties" and isinstance(inner.value, dict):
            found = inner.value | found
        else:
            found[(renamed or {}).get(name, name)] = inner
    return Node(found, node.file, node.line, node.key)
