"""A connection to an ipsec.conf as people write it by hand, and as AWS writes it for Openswan."""

# ruff: noqa: W293, E101 (the blanks are where AWS has them)

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import strategies as st

from appliance.model.document import ReadConnection, ReadDpd, ReadEsp, ReadIke, ReadTunnel
from tests.vendors.connections import connections
from tests.vendors.writers import RULE, duration, header, reveal

BEHIND = (IPv4Network("10.0.0.0/16"), IPv4Network("10.20.0.0/16"))
OURS = (IPv4Network("172.16.0.0/12"),)


def by_hand() -> st.SearchStrategy[ReadConnection]:
    """What an ipsec.conf with a leftupdown line can say: of which cloud it is, it does not."""
    return connections(generic=False).map(
        lambda found: ReadConnection(
            name="generic",
            cloud="generic",
            networks=BEHIND,
            local_networks=OURS,
            tunnels=tuple(replace(tunnel, mtu=None) for tunnel in found.tunnels),
        )
    )


def conf_text(connection: ReadConnection) -> str:
    """A strongSwan ipsec.conf with shared settings, an updown script's arguments, and the secrets below."""
    text = 'config setup\n\tcharondebug="all"\n\tuniqueids=yes\n\nconn %default\n\tauto=start\n\tauthby=psk\n\n'
    text += "conn shared\n\tleft=%defaultroute\n\trekey=yes\n\tleftsubnet=172.16.0.0/12\n\n"
    tunnels = "".join(conf_tunnel(tunnel, number) for number, tunnel in enumerate(connection.tunnels, start=1))
    secrets = "".join(f'{t.public} {t.remote} : PSK "{reveal(t.psk)}"\n' for t in connection.tunnels)
    return f"# ipsec.conf - strongSwan\n{text}{tunnels}# /etc/ipsec.secrets\n{secrets}"


def conf_tunnel(tunnel: ReadTunnel, number: int) -> str:
    """One conn; what is the same for all of them stands elsewhere."""
    assert tunnel.inside is not None
    assert tunnel.ike.lifetime is not None
    assert tunnel.esp.lifetime is not None
    peer = f"{tunnel.peer_inside}/{tunnel.inside.network.prefixlen}"
    behind = ",".join(map(str, BEHIND))
    script = f"/usr/local/bin/vpn-updown.sh -ln Tunnel{number} -ll {tunnel.inside} -lr {peer} -m 0x{100 * number:X}"
    return f"""# Connection configuration for Tunnel{number}
conn Tunnel{number}
    also=shared
    keyexchange=ikev{tunnel.ike.version}
    type=tunnel
    leftid={tunnel.public}
    leftkeepalive=20s
    right={tunnel.remote}
    rightkeepalive=20s
    ike={",".join(tunnel.ike.proposals)}
    ikelifetime={duration(tunnel.ike.lifetime)}
    esp={",".join(tunnel.esp.proposals)}
    lifetime={duration(tunnel.esp.lifetime)}
    keyingtries=%forever
    rightsubnet={behind}
    dpddelay={tunnel.dpd.delay}s
    dpdtimeout={tunnel.dpd.timeout}s
    dpdaction=restart
    mark=0x{100 * number:X}
    leftupdown="{script} -l 172.16.0.0/12 -r {behind}"

"""


def openswan() -> st.SearchStrategy[ReadConnection]:
    """What AWS's download for Openswan can say: one proposal of each phase, version 1, and nothing of the inside."""

    def spoken(found: ReadConnection) -> ReadConnection:
        tunnels = tuple(
            ReadTunnel(
                remote=tunnel.remote,
                public=tunnel.public,
                psk=tunnel.psk,
                ike=ReadIke(1, tunnel.ike.proposals, tunnel.ike.lifetime),
                esp=ReadEsp(tunnel.esp.proposals, tunnel.esp.lifetime),
                dpd=ReadDpd(10, None, 30),
            )
            for tunnel in found.tunnels
        )
        return replace(found, mode=None, asn=None, peer_asn=None, hold_time=None, tunnels=tunnels)

    return connections(generic=True).map(spoken)


def openswan_text(connection: ReadConnection) -> str:
    """The download of vendor Openswan."""
    intro = (
        "This configuration consists of two tunnels, but only one of those tunnels should be up at any given time.\n\n"
    )
    return (
        header(connection)
        + intro
        + "".join(openswan_tunnel(tunnel, number) for number, tunnel in enumerate(connection.tunnels, start=1))
    )


def openswan_tunnel(tunnel: ReadTunnel, number: int) -> str:
    """One tunnel's section."""
    assert tunnel.ike.lifetime is not None
    assert tunnel.esp.lifetime is not None
    ike, esp = (";".join(found[0].rsplit("-", 1)) for found in (tunnel.ike.proposals, tunnel.esp.proposals))
    return f"""{RULE}
IPSEC Tunnel #{number}
{RULE}

1) Open /etc/sysctl.conf and ensure that its values match the following:
   net.ipv4.ip_forward = 1
   net.ipv4.conf.default.rp_filter = 0

3) Open /etc/ipsec.conf and look for the line below.
    #include /etc/ipsec.d/*.conf
 	
4) Create a new file at /etc/ipsec.d/aws.conf if doesn't already exist, and then open it.
 #leftsubnet= is the local network behind your openswan server

conn Tunnel{number}
	authby=secret
	auto=start
	left=%defaultroute
	leftid={tunnel.public}
	right={tunnel.remote}
	type=tunnel
	ikelifetime={duration(tunnel.ike.lifetime)}
	keylife={duration(tunnel.esp.lifetime)}
	phase2alg={esp}
	ike={ike}
	auth=esp
	keyingtries=%forever
	keyexchange=ike
	leftsubnet=<LOCAL NETWORK>
	rightsubnet=<REMOTE NETWORK>
	dpddelay={tunnel.dpd.delay}
	dpdtimeout={tunnel.dpd.timeout}
	dpdaction=restart_by_peer
 		
5) Create a new file at /etc/ipsec.d/aws.secrets if it doesn't already exist, and append this line to the file:
{tunnel.public} {tunnel.remote}: PSK "{reveal(tunnel.psk)}"

"""


def sections() -> st.SearchStrategy[ReadConnection]:
    """What a swanctl.conf can say: nothing of the inside."""

    def spoken(found: ReadConnection) -> ReadConnection:
        tunnels = (replace(tunnel, inside=None, peer_inside=None) for tunnel in found.tunnels)
        return replace(found, tunnels=tuple(tunnels))

    return by_hand().map(spoken)


def swanctl_text(connection: ReadConnection) -> str:
    """A strongSwan swanctl.conf."""
    tunnels = "".join(swanctl_connection(tunnel, number) for number, tunnel in enumerate(connection.tunnels, start=1))
    keys = "".join(
        f'    ike-{number} {{\n        id = {tunnel.remote}\n        secret = "{reveal(tunnel.psk)}"\n    }}\n'
        for number, tunnel in enumerate(connection.tunnels, start=1)
    )
    return f"# swanctl.conf\n\ninclude conf.d/*.conf\n\nconnections {{\n{tunnels}}}\n\nsecrets {{\n{keys}}}\n"


def swanctl_connection(tunnel: ReadTunnel, number: int) -> str:
    """One of the connections."""
    assert tunnel.ike.lifetime is not None
    behind, ours = (", ".join(map(str, nets)) for nets in (BEHIND, OURS))
    return f"""    gw{number} {{
        version = {tunnel.ike.version}  # of IKE
        local_addrs = {tunnel.public}
        remote_addrs = {tunnel.remote}
        proposals = {",".join(tunnel.ike.proposals)}
        rekey_time = {tunnel.ike.lifetime - 600}
        over_time = 600
        dpd_delay = {tunnel.dpd.delay}s
        dpd_timeout = {tunnel.dpd.timeout}s
        local {{
            auth = psk
        }}
        remote {{
            auth = psk
        }}
        children {{
            net{number} {{
                local_ts = {ours}
                remote_ts = {behind}
                esp_proposals = {",".join(tunnel.esp.proposals)}
                life_time = {tunnel.esp.lifetime}
                if_id_in = {number}
                if_id_out = {number}
                start_action = start
            }}
        }}
    }}
"""
