"""Sessions with a key (TCP MD5, RFC 2385) and a TTL of 255 (RFC 5082), as the far end's own kernel demands them."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from struct import pack

import pytest

from appliance.announce.render import BRIDGE
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.peering import speaker_configs
from appliance.design.wish import Wish
from appliance.model.change import Change
from appliance.model.secret import Secret
from tests.announce.far import FarEnd, until
from tests.daemon.embedded import ENDS, NET, SITE, Scene, play
from tests.fakes.box import Box

KEY = "not-a-real-key"
GUARDED = SITE.replace("cloud: aws", "cloud: generic").replace(
    "    speaker: exabgp\n",
    "    speaker: exabgp\n    bgp: {password: {file: secrets/bgp.key}, ttl-security: true}\n",
)
TCP_MD5SIG, IP_MINTTL = 14, 21  # linux/tcp.h, linux/in.h


def demand(end: FarEnd, near: str, key: str) -> None:
    """From now on its kernel takes nothing for it that is not signed, or that passed a router."""
    assert end._server is not None
    plug = end._server.sockets[0]
    place = pack("!HH4s", 0, 0, ip_address(near).packed)
    signed = int(socket.AF_INET).to_bytes(2, "little") + place[2:] + bytes(120)
    try:
        plug.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, signed + pack("=BBHI80s", 0, 0, len(key), 0, key.encode()))
    except OSError as error:
        pytest.skip(f"this kernel has no TCP MD5: {error.strerror}")
    plug.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
    plug.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)


def test_a_key_and_a_ttl_are_as_the_far_end_demands(box: Box, folder: Path) -> None:
    """And with another key there is no session."""

    async def scene(at: Scene) -> None:
        for name, (near, _) in ENDS.items():
            demand(at.ends[name], near, KEY if name == "vpc-1" else "some-other-key")
        intent = parse_loaded(GUARDED, "site.yaml").intent
        wish = Wish(intent, read_templates(), secrets={"_bgp-vpc": Secret(KEY)}, fingerprint=lambda secret: "0a1b")
        [wanted] = speaker_configs(wish)
        wanted = replace(wanted, text=wanted.text.replace(BRIDGE, str(at.folder / "bridge")))
        [outcome] = await at.systems.exabgp.lay([Change(None, wanted)])
        assert outcome.error is None
        await at.listening.follow(wish)
        end = at.ends["vpc-1"]
        await until(lambda: end.up)
        end.offer([NET])
        await until(lambda: at.routes() == {NET: {"vpc-1"}})
        assert at.ends["vpc-2"].sessions == 0

    play(box, folder, scene)
