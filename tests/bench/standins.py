"""Links that stand in for XFRM links, where a kernel has none: VXLAN, whose number is in the place of ``if_id``.

``python -m tests.bench.standins run`` is `appliance run` with such links, ``... once`` is :mod:`tests.bench.once`.
"""

from __future__ import annotations

import re
import sys

from appliance.kernel import links
from appliance.kernel.netlink import Kernel
from appliance.model.fault import SystemLacks

KIND, NUMBER = "vxlan", 1
"""The kind, and which of its attributes is its number (IFLA_VXLAN_ID)."""


def stand_in() -> None:
    """From now on our doors in this process take such links for XFRM links."""
    links.KIND_XFRM, links.IF_ID = KIND, NUMBER
    Kernel.lacks = _lacks_nothing  # type: ignore[method-assign]


async def _lacks_nothing(self: Kernel) -> tuple[SystemLacks, ...]:
    return ()


def numbered(text: str) -> str:
    """An intent of the benches, every tunnel with an ``if-id`` that a VXLAN link can have as its number."""
    return re.sub(r"^( *)- name: t(\d+)$", r"\g<0>\n\1  if-id: 7\2", text, flags=re.MULTILINE)


if __name__ == "__main__":
    stand_in()
    if sys.argv[1:] == ["run"]:
        from appliance.cli.main import main

        main()
    else:
        from tests.bench.once import print_seconds

        print_seconds()
