"""A connection as the strongSwan guide writes it: swanctl.conf, and FRR where it speaks BGP. The layout is the guide's,
every value ours."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadTunnel
from tests.vendors.alibaba.connections import connections
from tests.vendors.writers import reveal


def _secret(key: str) -> str:
    """In quotes; what begins like a number would be read as one, so that is Base64."""
    if re.match("(?i)0[xs]", key):
        return f'"0s{base64.b64encode(key.encode()).decode()}"'
    return '"{}"'.format(key.replace("\\", "\\\\").replace('"', '\\"'))


def _connection(tunnel: ReadTunnel, connection: ReadConnection, turn: int) -> str:
    assert tunnel.ike.lifetime is not None
    return f"""   vco{turn} {{                            # Add the VPN configuration for Tunnel {turn}.
      version = {tunnel.ike.version}
      local_addrs  = 10.0.0.{turn}      # On-premises private IP address.
      remote_addrs = {tunnel.remote}      # IPsec address on the Alibaba Cloud side.
      dpd_delay = {tunnel.dpd.delay}
      rekey_time = {tunnel.ike.lifetime - 1800}
      over_time = 1800
      proposals = {",".join(tunnel.ike.proposals)}
      encap = {"yes" if tunnel.nat_t else "no"}

      local {{
         auth = psk
         id = {tunnel.local_id}
      }}
      remote {{
         auth = psk
         id = {tunnel.remote_id}
      }}
      children {{
         vco_child{turn} {{
            local_ts  = {",".join(map(str, connection.local_networks)) or "0.0.0.0/0"}
            remote_ts = {",".join(map(str, connection.networks)) or "0.0.0.0/0"}
            mode = tunnel
            life_time = {tunnel.esp.lifetime}
            start_action = start
            esp_proposals = {",".join(tunnel.esp.proposals)}   # As on the other side.
            if_id_out = {41 + turn}
            if_id_in = {41 + turn}
            #updown = /root/connect_{turn}.sh
         }}
      }}
   }}
"""


def _routing(connection: ReadConnection) -> str:
    if connection.mode != "bgp":
        return ""
    tunnels = list(enumerate(connection.tunnels, start=1))
    inside = [str(tunnel.inside) for tunnel in connection.tunnels]
    lines = [
        *(f"ip link add ipsec{turn} type xfrm dev eth0 if_id {41 + turn}" for turn, _ in tunnels),
        *(f"ip address add {inside[turn - 1]} dev ipsec{turn}" for turn, _ in tunnels),
        f"router bgp {connection.asn}",
        *(f" neighbor {tunnel.peer_inside} remote-as {connection.peer_asn}" for _, tunnel in tunnels),
        *(f" neighbor {tunnel.peer_inside} timers 10 {connection.hold_time}" for _, tunnel in tunnels),
        "exit",
    ]
    return "\n".join(["", *lines, ""])


def swanctl_text(connection: ReadConnection) -> str:
    """Connections, secrets, then the commands."""
    sections = "".join(_connection(tunnel, connection, turn) for turn, tunnel in enumerate(connection.tunnels, start=1))
    secrets = "".join(
        f"   ike-vco{turn} {{\n      id-1 = {tunnel.local_id}\n      id-2 = {tunnel.remote_id}\n"
        f"      secret = {_secret(reveal(tunnel.psk))}\n   }}\n"
        for turn, tunnel in enumerate(connection.tunnels, start=1)
    )
    head = "# swanctl.conf for Alibaba Cloud\n"
    return f"{head}connections {{\n{sections}}}\n\nsecrets {{\n{secrets}}}\n{_routing(connection)}"


@st.composite
def by_guide(draw: st.DrawFn) -> ReadConnection:
    """What the guide's files can say: two tunnels have two identities of the cloud, or the keys could not differ."""
    connection = draw(connections())
    tunnels = tuple(
        replace(
            tunnel, role=None, nat_t=tunnel.nat_t or None, remote_id=str(tunnel.remote), dpd=ReadDpd(10, None, None)
        )
        for tunnel in connection.tunnels
    )
    bgp = connection.mode == "bgp"
    return replace(
        connection,
        name="alibaba",
        id=None,
        cloud_gateway=None,
        customer_gateway=None,
        mode="bgp" if bgp else None,
        hold_time=30 if bgp else None,
        tunnels=tunnels,
    )
