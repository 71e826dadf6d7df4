"""A connection to configurations in blocks: AWS's downloads for Cisco IOS and ASA and for FortiOS."""

from __future__ import annotations

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.device.spoken import BEHIND, commented, download, parts
from tests.vendors.writers import GROUP_NUMBERS, reveal

INTRO = "! This configuration consists of two tunnels. Both tunnels must be\n! configured.\n!\n"
HMAC = {"sha1": "sha", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}


def ios_text(connection: ReadConnection) -> str:
    """The download of vendor Cisco Systems, ISR series routers."""
    return download(connection, "!", ios_tunnel)


def ios_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's four sections."""
    assert tunnel.inside is not None
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    name = f"{connection.id}-{number - 1}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!
! Note that there are a global list of ISAKMP policies, each identified by
! sequence number.
!
crypto isakmp policy {199 + number}
  encryption aes {cipher[3:]}
  authentication pre-share
  group {GROUP_NUMBERS[group]}
  lifetime {tunnel.ike.lifetime}
  hash {HMAC[digest]}
exit

crypto keyring keyring-{name}
  local-address {tunnel.public}
  pre-shared-key address {tunnel.remote} key {reveal(tunnel.psk)}
exit

crypto isakmp profile isakmp-{name}
  local-address {tunnel.public}
  match identity address {tunnel.remote}
  keyring keyring-{name}
exit

! #2: IPSec Configuration
!
crypto ipsec transform-set ipsec-prop-{name} esp-aes {esp_cipher[3:]} esp-{HMAC[esp_digest]}-hmac
  mode tunnel
exit

crypto ipsec profile ipsec-{name}
  set pfs group{GROUP_NUMBERS[esp_group]}
  set security-association lifetime seconds {tunnel.esp.lifetime}
  set transform-set ipsec-prop-{name}
exit

! This option instructs the router to clear the "Don't Fragment"
! bit from packets that carry this bit and yet must be fragmented.
!
crypto ipsec df-bit clear
crypto isakmp keepalive {tunnel.dpd.delay} 10 on-demand
crypto ipsec security-association replay window-size 128
crypto ipsec fragmentation before-encryption

! #3: Tunnel Interface Configuration
!
interface Tunnel{number}
  ip address {tunnel.inside.ip} {tunnel.inside.netmask}
  ip virtual-reassembly
  tunnel source {tunnel.public}
  tunnel destination {tunnel.remote}
  tunnel mode ipsec ipv4
  tunnel protection ipsec profile ipsec-{name}
  ! This option causes the router to reduce the Maximum Segment Size of
  ! TCP packets to prevent packet fragmentation.
  ip tcp adjust-mss {tunnel.mss}
  no shutdown
exit

{ios_bgp(tunnel, connection) if connection.mode == "bgp" else ios_static(number)}
"""


def ios_bgp(tunnel: ReadTunnel, connection: ReadConnection) -> str:
    """Section 4 of a dynamic connection."""
    neighbor = f"neighbor {tunnel.peer_inside}"
    return f"""! #4: Border Gateway Protocol (BGP) Configuration
!
router bgp {connection.asn}
  {neighbor} remote-as {connection.peer_asn}
  {neighbor} activate
  {neighbor} timers 10 {connection.hold_time} 30
  address-family ipv4 unicast
    {neighbor} remote-as {connection.peer_asn}
    {neighbor} timers 10 {connection.hold_time} 30
    {neighbor} default-originate
    {neighbor} activate
    {neighbor} soft-reconfiguration inbound
    network 0.0.0.0
  exit
exit
"""


def ios_static(number: int) -> str:
    """Section 4 of a static one."""
    route = f"ip route {BEHIND.network_address} {BEHIND.netmask} Tunnel{number} track {number}00"
    return f"""! #4 Static Route Configuration
!
{route}
ip sla {number}00
exit
"""


def asa_text(connection: ReadConnection) -> str:
    """The download of vendor Cisco Systems, ASA 5500 series."""
    one = connection.tunnels[0]
    cipher, digest, group = parts(one.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(one.esp.proposals)
    size = {"aes128": "esp-aes", "aes256": "esp-aes-256"}[esp_cipher]
    groups = "!\n".join(map(asa_group, connection.tunnels))
    access = "".join(
        f"access-list outside_access_in extended permit ip host {t.remote} host {t.public}\n"
        for t in connection.tunnels
    )
    peers = " ".join(str(tunnel.remote) for tunnel in connection.tunnels)
    text = f"""{INTRO}! outside_interface - External interface of the ASA
! {"-" * 80}
! IPSec Tunnels
! {"-" * 80}
! #1: Internet Key Exchange (IKE) Configuration
!
crypto isakmp identity address
crypto isakmp enable outside_interface
crypto isakmp policy 201
  encryption {"aes" if cipher == "aes128" else "aes-256"}
  authentication pre-share
  group {GROUP_NUMBERS[group]}
  lifetime {one.ike.lifetime}
  hash {HMAC[digest]}
exit
!
{groups}
! #2: Access List Configuration
!
{access}!
access-list acl-amzn extended permit ip any vpc_subnet vpc_subnet_mask

! #3: IPSec Configuration
!
crypto ipsec ikev1 transform-set transform-amzn {size} esp-{HMAC[esp_digest]}-hmac

crypto map amzn_vpn_map 1 match address acl-amzn
crypto map amzn_vpn_map 1 set pfs group{GROUP_NUMBERS[esp_group]}
crypto map amzn_vpn_map 1 set peer {peers}
crypto map amzn_vpn_map 1 set transform-set transform-amzn
crypto map amzn_vpn_map 1 set security-association lifetime seconds {one.esp.lifetime}
!
crypto map amzn_vpn_map interface outside_interface
crypto ipsec df-bit clear-df outside_interface
crypto ipsec security-association replay window-size 128
crypto ipsec fragmentation before-encryption outside_interface
sysopt connection tcpmss {one.mss}
!
sla monitor 1
   type echo protocol ipIcmpEcho sla_monitor_address interface outside_interface
   frequency 5
exit
icmp permit any outside_interface
"""
    return commented(connection, "!") + text


def asa_group(tunnel: ReadTunnel) -> str:
    """One tunnel's key."""
    return f"""tunnel-group {tunnel.remote} type ipsec-l2l
tunnel-group {tunnel.remote} ipsec-attributes
   pre-shared-key {reveal(tunnel.psk)}
!
! This option enables IPSec Dead Peer Detection, which causes periodic
! messages to be sent to ensure a Security Association remains operational.
!
   isakmp keepalive threshold {tunnel.dpd.delay} retry 10
exit
"""


def fortios_text(connection: ReadConnection) -> str:
    """The download of vendor Fortinet, FortiOS 5.0+."""
    return download(connection, "!", fortios_tunnel)


def fortios_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's sections; AWS leaves some of them without an end."""
    assert tunnel.inside is not None
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    name = f"{connection.id}-{number - 1}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!
! Configuration begins in root VDOM.
config vpn ipsec phase1-interface
edit {name} ! Name must be shorter than 15 chars, best if shorter than 12
  set interface "wan1"

! The IPSec Dead Peer Detection causes periodic messages to be
! sent to ensure a Security Association remains operational

  set dpd enable
  set local-gw {tunnel.public}
  set dhgrp {GROUP_NUMBERS[group]}
  set proposal {cipher}-{digest}
  set keylife {tunnel.ike.lifetime}
  set remote-gw {tunnel.remote}
  set psksecret {reveal(tunnel.psk)}
  set dpd-retryinterval {tunnel.dpd.delay}
 next
end

! #2: IPSec Configuration
!
config vpn ipsec phase2-interface
 edit "{name}"
  set phase1name "{name}"
  set proposal {esp_cipher}-{esp_digest}
  set dhgrp {GROUP_NUMBERS[esp_group]}
  set keylifeseconds {tunnel.esp.lifetime}
 next

! #3: Tunnel Interface Configuration
!
config system interface
 edit "{name}"
  set vdom "root"
  set ip {tunnel.inside.ip} 255.255.255.255
  set allowaccess ping
  set type tunnel

!  This option causes the router to reduce the Maximum Segment Size of
!  TCP packets to prevent packet fragmentation.
!
  set tcp-mss {tunnel.mss}
  set remote-ip {tunnel.peer_inside}
  set mtu {tunnel.mtu}
  set interface "wan1"
 next

{fortios_bgp(tunnel, connection) if connection.mode == "bgp" else fortios_static(name, number)}
config firewall policy
edit 5
set srcintf "{name}"
set dstintf internal
set action accept
next
end

"""


def fortios_bgp(tunnel: ReadTunnel, connection: ReadConnection) -> str:
    """Section 4 of a dynamic connection."""
    return f"""! #4: Border Gateway Protocol (BGP) Configuration
!
config router bgp
 set as {connection.asn}
 config neighbor
  edit {tunnel.peer_inside}
   set remote-as {connection.peer_asn}
  end

config router bgp
 config neighbor
  edit {tunnel.peer_inside}
   set capability-default-originate enable
   end
 end

config router prefix-list
 edit "default_route"
  config rule
   edit 1
    set prefix 0.0.0.0 0.0.0.0
   next
  end
 set router-id {tunnel.public}
end

config router bgp
config network
 edit 1
  set prefix 192.168.0.0 255.255.0.0
 next
end
set router-id {tunnel.public}
end
"""


def fortios_static(name: str, number: int) -> str:
    """Section 4 of a static one."""
    return f"""! #4: Static Route Configuration
!
config router static
 edit {4 + number}
  set device "{name}"
  set dst {BEHIND.network_address} {BEHIND.netmask}
 next
end
"""
