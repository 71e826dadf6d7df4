"""YAML to the tree of :mod:`appliance.vendors.tree`. Every scalar is the text that is written; aliases are refused."""

from __future__ import annotations

import yaml

from appliance.vendors.tree import DEEPEST, Node, Unreadable

_YAML = "YAML (or JSON, or XML)"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(file: str, text: str) -> Node:
    """The document, or a list of them when several are separated by ``---``. Raises Unreadable."""
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise Unreadable("aliases are not read", token.start_mark.line + 1, _YAML, "write the value out")
        found = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable("not YAML", line, _YAML) from None
    except (yaml.YAMLError, RecursionError):
        raise Unreadable("not YAML", 1, _YAML) from None
    if len(found) == 1:
        return _tree(found[0], file, "", 0)
    return Node([_tree(node, file, f"[{index}]", 0) for index, node in enumerate(found)], file, 1, "")


def _tree(node: yaml.Node, file: str, key: str, depth: int) -> Node:
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        raise Unreadable(f"nested more than {DEEPEST} levels deep", line, _YAML)
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(name.value), value) for name, value in node.value]
        below = {name: _tree(value, file, f"{key}.{name}" if key else name, depth + 1) for name, value in pairs}
        return Node(below, file, line, key)
    if isinstance(node, yaml.SequenceNode):
        items = [_tree(value, file, f"{key}[{index}]", depth + 1) for index, value in enumerate(node.value)]
        return Node(items, file, line, key)
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return Node(None if plain and node.value in _NULLS else node.value, file, line, key)
