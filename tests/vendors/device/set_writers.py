"""A connection to the configurations that are ``set`` lines: AWS's downloads for Vyatta, Junos and PAN-OS."""

from __future__ import annotations

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.device.spoken import BEHIND, download, parts
from tests.vendors.writers import GROUP_NUMBERS, reveal


def vyatta_text(connection: ReadConnection) -> str:
    """The download of vendor Vyatta."""
    return download(connection, "!", vyatta_tunnel)


def vyatta_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's four sections."""
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    peer = f"set vpn ipsec site-to-site peer {tunnel.remote}"
    vti = f"vti{number - 1}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!
! A policy is established for the supported ISAKMP encryption,
! authentication, Diffie-Hellman, lifetime, and key parameters.
! To ensure that NAT traversal (NAT-T) can function, you must adjust your firewall !rules to unblock UDP port 4500.
!

set vpn ipsec ike-group AWS lifetime '{tunnel.ike.lifetime}'
set vpn ipsec ike-group AWS proposal 1 dh-group '{GROUP_NUMBERS[group]}'
set vpn ipsec ike-group AWS proposal 1 encryption '{cipher}'
set vpn ipsec ike-group AWS proposal 1 hash '{digest}'
{peer} authentication mode 'pre-shared-secret'
{peer} authentication pre-shared-secret '{reveal(tunnel.psk)}'
{peer} description 'VPC tunnel {number}'
{peer} ike-group 'AWS'
{peer} local-address '{tunnel.public}'
{peer} vti bind '{vti}'
{peer} vti esp-group 'AWS'


! #2: IPSec Configuration
!
set vpn ipsec ipsec-interfaces interface 'eth0'
set vpn ipsec esp-group AWS compression 'disable'
set vpn ipsec esp-group AWS lifetime '{tunnel.esp.lifetime}'
set vpn ipsec esp-group AWS mode 'tunnel'
set vpn ipsec esp-group AWS pfs 'dh-group{GROUP_NUMBERS[esp_group]}'
set vpn ipsec esp-group AWS proposal 1 encryption '{esp_cipher}'
set vpn ipsec esp-group AWS proposal 1 hash '{esp_digest}'

! This option enables IPSec Dead Peer Detection, which causes periodic
! messages to be sent to ensure a Security Association remains operational.
!
set vpn ipsec ike-group AWS dead-peer-detection action 'restart'
set vpn ipsec ike-group AWS dead-peer-detection interval '15'
set vpn ipsec ike-group AWS dead-peer-detection timeout '30'

! {"-" * 80}
! #3: Tunnel Interface Configuration
!
!  The tunnel interface is configured with the internal IP address.

set interfaces vti {vti} address '{tunnel.inside}'
set interfaces vti {vti} description 'VPC tunnel {number}'
set interfaces vti {vti} mtu '{tunnel.mtu}'

! {"-" * 80}
{vyatta_bgp(tunnel, connection) if connection.mode == "bgp" else vyatta_static(vti)}
"""


def vyatta_bgp(tunnel: ReadTunnel, connection: ReadConnection) -> str:
    """Section 4 of a dynamic connection."""
    neighbor = f"set protocols bgp {connection.asn} neighbor {tunnel.peer_inside}"
    return f"""! #4: Border Gateway Protocol (BGP) Configuration
!
{neighbor} remote-as '{connection.peer_asn}'
{neighbor} soft-reconfiguration 'inbound'
{neighbor} timers holdtime '{connection.hold_time}'
{neighbor} timers keepalive '10'

set protocols bgp {connection.asn} network 0.0.0.0/0
"""


def vyatta_static(vti: str) -> str:
    """Section 4 of a static one."""
    return (
        f"! #4: Static Route Configuration\n!\nset protocols static interface-route {BEHIND} next-hop-interface {vti}\n"
    )


def junos_text(connection: ReadConnection) -> str:
    """The download of vendor Juniper."""
    return download(connection, "#", junos_tunnel)


def junos_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's four sections."""
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    sizes = {"sha1": "sha1-96", "sha256": "sha-256-128", "sha384": "sha-384", "sha512": "sha-512"}
    hashes = {"sha1": "sha1", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}
    name = f"{connection.id}-{number}"
    ike, policy, gateway = (f"set security ike {kind} {short}-{name}" for kind, short in JUNOS_IKE)
    esp, esp_policy = (f"set security ipsec {kind} ipsec-{short}-{name}" for kind, short in JUNOS_ESP)
    vpn, st0 = f"set security ipsec vpn {name}", f"st0.{number}"
    return f"""# #1: Internet Key Exchange (IKE) Configuration
#
# A proposal is established for the supported IKE encryption,
# authentication, Diffie-Hellman, and lifetime parameters.
#
{ike} authentication-method pre-shared-keys
{ike} authentication-algorithm {hashes[digest]}
{ike} encryption-algorithm aes-{cipher[3:]}-cbc
{ike} lifetime-seconds {tunnel.ike.lifetime}
{ike} dh-group group{GROUP_NUMBERS[group]}

{policy} mode main
{policy} proposals ike-prop-{name}
{policy} pre-shared-key ascii-text {reveal(tunnel.psk)}

# This example shows the outside of the tunnel as interface ge-0/0/0.0.
{gateway} ike-policy ike-pol-{name}
{gateway} external-interface ge-0/0/0.0
{gateway} address {tunnel.remote}
{gateway} no-nat-traversal

# Troubleshooting IKE connectivity can be aided by enabling IKE tracing.
# set security ike traceoptions file kmd

# #2: IPsec Configuration
#
{esp} protocol esp
{esp} authentication-algorithm hmac-{sizes[esp_digest]}
{esp} encryption-algorithm aes-{esp_cipher[3:]}-cbc
{esp} lifetime-seconds {tunnel.esp.lifetime}

{esp_policy} perfect-forward-secrecy keys group{GROUP_NUMBERS[esp_group]}
{esp_policy} proposals ipsec-prop-{name}

{vpn} bind-interface {st0}
{vpn} ike gateway gw-{name}
{vpn} ike ipsec-policy ipsec-pol-{name}
{vpn} df-bit clear

{gateway} dead-peer-detection

# #3: Tunnel Interface Configuration
#
set interfaces {st0} family inet address {tunnel.inside}
set interfaces {st0} family inet mtu {tunnel.mtu}
set security zones security-zone trust interfaces {st0}
set security zones security-zone untrust host-inbound-traffic system-services ike

# This option causes the router to reduce the Maximum Segment Size of
# TCP packets to prevent packet fragmentation.
#
set security flow tcp-mss ipsec-vpn mss {tunnel.mss}

{junos_bgp(tunnel, connection) if connection.mode == "bgp" else junos_static(st0)}
"""


JUNOS_IKE = (("proposal", "ike-prop"), ("policy", "ike-pol"), ("gateway", "gw"))
JUNOS_ESP = (("proposal", "prop"), ("policy", "pol"))


def junos_bgp(tunnel: ReadTunnel, connection: ReadConnection) -> str:
    """Section 4 of a dynamic connection."""
    neighbor = f"set protocols bgp group ebgp neighbor {tunnel.peer_inside}"
    return f"""# #4: Border Gateway Protocol (BGP) Configuration
#
set policy-options policy-statement EXPORT-DEFAULT term default from route-filter 0.0.0.0/0 exact
set policy-options policy-statement EXPORT-DEFAULT term default then accept
set policy-options policy-statement EXPORT-DEFAULT term reject then reject

set protocols bgp group ebgp type external

{neighbor} export EXPORT-DEFAULT
{neighbor} peer-as {connection.peer_asn}
{neighbor} hold-time {connection.hold_time}
{neighbor} local-as {connection.asn}
"""


def junos_static(st0: str) -> str:
    """Section 4 of a static one."""
    return f"# #4: Static Route Configuration\n#\nset routing-options static route {BEHIND} next-hop {st0}\n"


def panos_text(connection: ReadConnection) -> str:
    """The download of vendor Palo Alto Networks."""
    return download(connection, "!", panos_tunnel)


def panos_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's four sections."""
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    name, unit = f"{connection.id}-{number - 1}", f"tunnel.{number}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!

 configure
 edit network ike crypto-profiles ike-crypto-profiles ike-crypto-{name}
  set dh-group group{GROUP_NUMBERS[group]}
  set hash {digest}
  set lifetime seconds  {tunnel.ike.lifetime}
  set encryption aes-{cipher[3:]}-cbc
  top

 edit network ike gateway ike-{name}
  set protocol ikev1 dpd interval 10 retry 3 enable yes
  set protocol ikev1 ike-crypto-profile ike-crypto-{name} exchange-mode main
  set authentication pre-shared-key key {reveal(tunnel.psk)}
  set local-address ip {tunnel.public}
  set local-address interface ethernet1/1
  set peer-address ip {tunnel.remote}
 top

! #2: IPSec Configuration
!
 edit network ike crypto-profiles ipsec-crypto-profiles ipsec-{name}
  set esp authentication {esp_digest}
  set esp encryption aes-{esp_cipher[3:]}-cbc
  set dh-group group{GROUP_NUMBERS[esp_group]} lifetime seconds {tunnel.esp.lifetime}
 top

! #3: Tunnel Interface Configuration
!
 edit network interface tunnel
  set ip {tunnel.inside}
  set units {unit}
  set mtu {tunnel.mtu}
 top

 edit network tunnel ipsec ipsec-tunnel-{number}
  set auto-key ike-gateway ike-{name}
  set auto-key ipsec-crypto-profile ipsec-{name}
  set tunnel-interface {unit}
  set anti-replay yes


{panos_bgp(tunnel, connection, unit, name) if connection.mode == "bgp" else panos_static(unit, number)}
"""


def panos_bgp(tunnel: ReadTunnel, connection: ReadConnection, unit: str, name: str) -> str:
    """Section 4 of a dynamic connection."""
    return f"""! #4: Border Gateway Protocol (BGP) Configuration
!
 edit network virtual-router default protocol bgp
  set enable yes
  set router-id {tunnel.public}
  set local-as {connection.asn}
   edit peer-group AmazonBGP
    edit peer amazon-tunnel-{name}
     set connection-options keep-alive-interval 10
     set connection-options hold-time {connection.hold_time}
     set enable yes
     set local-address ip {tunnel.inside}
     set local-address interface {unit}
     set peer-as {connection.peer_asn}
     set peer-address ip {tunnel.peer_inside}
     top
"""


def panos_static(unit: str, number: int) -> str:
    """Section 4 of a static one."""
    return f"""! #4: Static Route Configuration
!
 edit network virtual-router default routing-table ip static-route vpn-{number}
  set interface {unit}
  set destination {BEHIND}
 top
"""
