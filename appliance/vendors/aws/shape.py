"""One shape for the many in which the EC2 API's answers are handed round: the CLI's JSON and YAML, the query API's XML,
Ansible's snake case."""

from __future__ import annotations

import re

from appliance.vendors.tree import Node


def plain(node: Node) -> Node:
    """The same tree with keys in lower case, letters and digits only, and the query API's lists (``tagSet`` with
    ``item``) as lists under the name that JSON has for them (``tags``)."""
    value = node.value
    if isinstance(value, list):
        return Node([plain(child) for child in value], node.file, node.line, node.key)
    if not isinstance(value, dict):
        return node
    if set(value) == {"item"}:
        return Node([plain(child) for child in node.items("item")], node.file, node.line, node.key)
    return Node({_name(key, child): plain(child) for key, child in value.items()}, node.file, node.line, node.key)


def _name(key: str, child: Node) -> str:
    word = re.sub(r"[^a-z0-9]", "", key.lower())
    is_set = word.endswith("set") and isinstance(child.value, dict) and set(child.value) == {"item"}
    return f"{word.removesuffix('set')}s" if is_set else word
