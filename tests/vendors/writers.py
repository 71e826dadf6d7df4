"""A connection to the text that AWS would let people download: the layout is AWS's, every value ours."""

# ruff: noqa: W291, W293, E101 (the blanks are where AWS has them)

from __future__ import annotations

from appliance.model.document import ReadConnection, ReadTunnel
from appliance.model.secret import Secret

RULE = "-" * 116
GROUP_NUMBERS = {
    "modp1024": 2, "modp1536": 5, "modp2048": 14, "modp3072": 15, "modp4096": 16, "modp6144": 17, "modp8192": 18,
    "ecp256": 19, "ecp384": 20, "ecp521": 21, "modp1024s160": 22, "modp2048s224": 23, "modp2048s256": 24,
}  # fmt: skip


def reveal(psk: Secret | None) -> str:
    """The key as a document holds it."""
    return psk.reveal() if psk else ""


def header(connection: ReadConnection) -> str:
    """The identifiers that stand over every download."""
    return f"""Amazon Web Services
Virtual Private Cloud

AWS utilizes unique identifiers to manipulate the configuration of a VPN Connection.

Your VPN Connection ID                  : {connection.id}
Your Virtual Private Gateway ID         : {connection.cloud_gateway or ""}
Your Customer Gateway ID                : {connection.customer_gateway}

"""


def duration(seconds: int) -> str:
    """Seconds in the largest unit that divides them, as AWS writes 8h and 1h."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def strongswan_text(connection: ReadConnection) -> str:
    """The download of vendor Strongswan."""
    intro = "This configuration consists of two tunnels. Both tunnels must be configured on your Customer Gateway.\n\n"
    tunnels = (strongswan_tunnel(tunnel, number) for number, tunnel in enumerate(connection.tunnels, start=1))
    return header(connection) + intro + "".join(tunnels) + STRONGSWAN_END


def strongswan_tunnel(tunnel: ReadTunnel, number: int) -> str:
    """One tunnel's section: conn, secret, commands."""
    assert tunnel.inside is not None
    assert tunnel.ike.lifetime is not None
    assert tunnel.esp.lifetime is not None
    peer = f"{tunnel.peer_inside}/{tunnel.inside.network.prefixlen}"
    mark = 100 * number
    return f"""{RULE}
IPSEC Tunnel #{number}
{RULE}
#1: Enable Packet Forwarding and Configure the Tunnel

1) Open /etc/sysctl.conf and uncomment the following line to enable IP packet forwarding:
   net.ipv4.ip_forward = 1

3) Create a new file at /etc/ipsec.conf. Append the following configuration to the end of the file:

# AWS VPN will also support AES256 and SHA256 for the "ike" (Phase 1) and "esp" (Phase 2) entries below.
 
conn Tunnel{number}
	auto=start
	left=%defaultroute
	leftid={tunnel.public}
	right={tunnel.remote}
	type=tunnel
	leftauth=psk
	rightauth=psk
	keyexchange=ikev{tunnel.ike.version}
	ike={",".join(tunnel.ike.proposals)}
	ikelifetime={duration(tunnel.ike.lifetime)}
	esp={",".join(tunnel.esp.proposals)}
	lifetime={duration(tunnel.esp.lifetime)}
	keyingtries=%forever
	leftsubnet=0.0.0.0/0
	rightsubnet=0.0.0.0/0
	dpddelay={tunnel.dpd.delay}s
	dpdtimeout={tunnel.dpd.timeout}s
	dpdaction=restart
	## This "mark" value must be unique.
	mark={mark}
	## Uncomment the following line to utilize the script. Ensure that <VPC CIDR> is replaced with the CIDR of your VPC
	## (e.g. 192.168.1.0/24)
	#leftupdown="/etc/ipsec.d/aws-updown.sh -ln Tunnel{number} -ll {tunnel.inside} -lr {peer} -m {mark} -r <VPC CIDR>"
 		
4) Create a new file at /etc/ipsec.secrets and append this line to the file (be mindful of the spacing!):
{tunnel.public} {tunnel.remote} : PSK "{reveal(tunnel.psk)}"

#2: Tunnel Interface Configuration

1) If your device is behind a device performing NAT, replace <LOCAL IP> with the private IP of the device.

sudo ip link add Tunnel{number} type vti local <LOCAL IP> remote {tunnel.remote} key {mark}
sudo ip addr add {tunnel.inside} remote {peer} dev Tunnel{number}
sudo ip link set Tunnel{number} up mtu {tunnel.mtu}

2) Replace <VPC CIDR> with the CIDR of your VPC (e.g. 192.168.1.0/24):
sudo ip route add <VPC CIDR> dev Tunnel{number} metric {mark}

#3: iptables Configuration

sudo iptables -t mangle -A FORWARD -o Tunnel{number} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
sudo iptables -t mangle -A INPUT -p esp -s {tunnel.remote} -d {tunnel.public} -j MARK --set-xmark {mark}

#4: sysctl Modifications

net.ipv4.conf.Tunnel{number}.rp_filter=2 #This value allows the Linux kernel to handle asymmetric routing
net.ipv4.conf.<PHYSICAL INTERFACE>.disable_xfrm=1 #This value disables crypto transformations

#5: Persistent Configuration

auto Tunnel{number}
iface Tunnel{number} inet manual
pre-up ip link add Tunnel{number} type vti local <LOCAL IP> remote {tunnel.remote} key {mark}
pre-up ip addr add {tunnel.inside} remote {peer} dev Tunnel{number}
up ip link set Tunnel{number} up mtu {tunnel.mtu}

"""


STRONGSWAN_END = f"""{RULE}
Automated Tunnel Healthcheck and Failover
{RULE}
#!/bin/bash

create_interface() {{
	ip link add ${{TUNNEL_NAME}} type vti local ${{TUNNEL_LOCAL_ENDPOINT}} remote ${{TUNNEL_REMOTE_ENDPOINT}}
	ip addr add ${{TUNNEL_LOCAL_ADDRESS}} remote ${{TUNNEL_REMOTE_ADDRESS}} dev ${{TUNNEL_NAME}}
	ip link set ${{TUNNEL_NAME}} up mtu 1419
}}

  Additional Notes and Questions
  - XSL Version: 2009-07-15-1119716
"""


def generic_text(connection: ReadConnection, *, old: bool = False) -> str:
    """The download of vendor Generic; ``old``: as before AWS knew IKEv2."""
    intro = "A VPN Connection consists of a pair of IPSec tunnel security associations (SAs).\n\n"
    tunnels = (
        generic_tunnel(tunnel, connection, number, old) for number, tunnel in enumerate(connection.tunnels, start=1)
    )
    return header(connection) + intro + "".join(tunnels) + GENERIC_END


def words(proposals: tuple[str, ...]) -> tuple[str, str, int]:
    """Cipher and hash in AWS's spelling and the group's number, of a CBC proposal."""
    cipher, digest, group = proposals[0].split("-")
    spelled = digest if digest == "sha1" else f"sha2-{digest[3:]}"
    return f"aes-{cipher[3:]}-cbc", spelled, GROUP_NUMBERS[group]


def generic_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int, old: bool) -> str:
    """One tunnel's four sections."""
    assert tunnel.inside is not None
    cipher, digest, group = words(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = words(tunnel.esp.proposals)
    version = "" if old else f"  - IKE version              : IKEv{tunnel.ike.version} \n"
    exchange = (
        f"  - Perfect Forward Secrecy  : Diffie-Hellman Group {group}"
        if old
        else f"  - Diffie-Hellman           : Group {group}"
    )
    icv = {"sha1": 96, "sha2-256": 128, "sha2-384": 192, "sha2-512": 256}[esp_digest]
    return f"""
IPSec Tunnel #{number}
================================================================================
#1: Internet Key Exchange Configuration

Configure the IKE SA as follows:
Please note, these sample configurations are for the minimum requirement of AES128, SHA1, and DH Group 2.
To ensure that NAT traversal (NAT-T) can function, you must adjust your firewall !rules to unblock UDP port 4500.
{version}  - Authentication Method    : Pre-Shared Key 
  - Pre-Shared Key           : {reveal(tunnel.psk)}
  - Authentication Algorithm : {digest}
  - Encryption Algorithm     : {cipher}
  - Lifetime                 : {tunnel.ike.lifetime} seconds
  - Phase 1 Negotiation Mode : main
{exchange}

#2: IPSec Configuration

Configure the IPSec SA as follows:
  - Protocol                 : esp
  - Authentication Algorithm : hmac-{esp_digest}-{icv}
  - Encryption Algorithm     : {esp_cipher}
  - Lifetime                 : {tunnel.esp.lifetime} seconds
  - Mode                     : tunnel
  - Perfect Forward Secrecy  : Diffie-Hellman Group {esp_group}

IPSec Dead Peer Detection (DPD) will be enabled on the AWS Endpoint. We
recommend configuring DPD on your endpoint as follows:
  - DPD Interval             : {tunnel.dpd.delay}
  - DPD Retries              : {tunnel.dpd.retries}

To limit the impact of this behavior, we recommend the following configuration on your Customer Gateway:
  - TCP MSS Adjustment       : {tunnel.mss} bytes
  - Clear Don't Fragment Bit : enabled
  - Fragmentation            : Before encryption

#3: Tunnel Interface Configuration

The Customer Gateway inside IP address should be configured on your tunnel interface.

Outside IP Addresses:
  - Customer Gateway 		        : {tunnel.public} 
  - Virtual Private Gateway	        : {tunnel.remote}
		
Inside IP Addresses
  - Customer Gateway         		: {tunnel.inside}
  - Virtual Private Gateway             : {tunnel.peer_inside}/{tunnel.inside.network.prefixlen}

Configure your tunnel to fragment at the optimal size:
  - Tunnel interface MTU     : {tunnel.mtu} bytes

{generic_bgp(connection, tunnel) if connection.mode == "bgp" else generic_static(tunnel)}
"""


def generic_bgp(connection: ReadConnection, tunnel: ReadTunnel) -> str:
    """Section 4 of a dynamic connection."""
    return f"""#4: Border Gateway Protocol (BGP) Configuration:

The Border Gateway Protocol (BGPv4) is used within the tunnel, between the inside IP addresses.

BGP Configuration Options:
  - Customer Gateway ASN	          : {connection.asn} 
  - Virtual Private  Gateway ASN          : {connection.peer_asn}
  - Neighbor IP Address     		  : {tunnel.peer_inside}
  - Neighbor Hold Time       : {connection.hold_time}

Configure BGP to announce routes to the Virtual Private Gateway.
"""


def generic_static(tunnel: ReadTunnel) -> str:
    """Section 4 of a static connection."""
    return f"""#4: Static Routing Configuration:

To route traffic between your internal network and your VPC, you will need a static route added to your router.

Static Route Configuration Options:

  - Next hop       : {tunnel.peer_inside}

You should add static routes towards your internal network on the VGW.
"""


GENERIC_END = """
  Additional Notes and Questions
  - Amazon Virtual Private Cloud Getting Started Guide:
        http://docs.amazonwebservices.com/AmazonVPC/latest/GettingStartedGuide
  - XSL Version: 2009-07-15-1119716
"""
