#!/usr/bin/env python3
"""The IKE SAs of this node's charon, as one JSON list, with keys and values as vici has them.

Byte strings become text, and children a list: a rekeyed child stands beside its successor for a while.
"""

from __future__ import annotations

import json
from typing import Any

import vici


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def main() -> None:
    sas = []
    for message in vici.Session().list_sas():
        for name, sa in plain(message).items():
            sas.append({**sa, "name": name, "child-sas": list(sa.get("child-sas", {}).values())})
    print(json.dumps(sas))


if __name__ == "__main__":
    main()
