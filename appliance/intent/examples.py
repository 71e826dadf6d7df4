"""Commented intents that validate, to start from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_AWS_BGP = """\
# One AWS Site-to-Site VPN connection with BGP: two tunnels, traffic over both.
# Addresses and AS numbers here are for documentation; put yours. Checked by: appliance validate FILE
version: 1
site:
  name: dc1
  asn: 65010                     # our AS number, as in the AWS customer gateway
  router-id: 192.0.2.1           # leave it out and it follows from the name
  networks: [192.0.2.0/24]       # ours: announced to AWS
uplinks:
  - name: isp1
    interface: eth0
    address: auto                # what the interface has
    gateway: auto
    public: 203.0.113.10         # as AWS sees us; leave it out when not behind NAT
connections:
  - name: vpc
    id: vpn-0123456789abcdef0    # AWS's id: a later import finds this connection by it
    cloud: aws
    mode: bgp
    speaker: frr
    peer-asn: 64512              # the gateway's AS number
    networks: [10.20.0.0/16]     # behind AWS: never leaves an uplink in clear. Absent: whatever BGP brings
    announce:
      networks: site             # or a list out of site.networks
    bgp:
      med: honour                # AWS moves traffic by MED when it works on a tunnel; ignore forces both tunnels
      timers: [10, 30]
    clear-text: deny-private     # LAN traffic to private addresses never leaves an uplink in clear
    tunnels:
      - name: vpc-1
        uplink: isp1
        remote: 198.51.100.7     # AWS's outside address
        psk: {file: secrets/vpc-1.psk}     # a file of mode 0600, relative to this one
        inside: 169.254.23.6/30            # ours: the second host
        peer-inside: 169.254.23.5          # AWS's: the first
        ike: {version: 2, proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384], lifetime: 28800}
        esp: {proposals: [aes256gcm16-ecp384, aes256-sha384-ecp384], lifetime: 3600}
      - name: vpc-2
        uplink: isp1
        remote: 198.51.100.8
        psk: {file: secrets/vpc-2.psk}
        inside: 169.254.24.6/30
        peer-inside: 169.254.24.5
        ike: {version: 2, proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384], lifetime: 28800}
        esp: {proposals: [aes256gcm16-ecp384, aes256-sha384-ecp384], lifetime: 3600}
"""

_TGW = """\
# Two VPN connections to one AWS transit gateway: four tunnels, one ECMP group.
# The transit gateway must have "VPN ECMP support" on. A flow keeps to one tunnel; many flows use all four.
version: 1
site:
  name: dc1
  asn: 65010
  networks: [192.0.2.0/24]
uplinks:
  - {name: isp1, interface: eth0, address: auto, gateway: auto}
connections:
  - name: tgw-a
    id: vpn-0aaaaaaaaaaaaaaaa
    cloud: aws
    mode: bgp
    peer-asn: 64512
    priority: 100                # the same on both: one group
    networks: [10.20.0.0/16]
    tunnels:
      - name: tgw-a1
        uplink: isp1
        remote: 198.51.100.7
        psk: {file: secrets/tgw-a1.psk}
        inside: 169.254.23.6/30
        peer-inside: 169.254.23.5
        ike: &ike {version: 2, proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384], lifetime: 28800}
        esp: &esp {proposals: [aes256gcm16-ecp384, aes256-sha384-ecp384], lifetime: 3600}
      - name: tgw-a2
        uplink: isp1
        remote: 198.51.100.8
        psk: {file: secrets/tgw-a2.psk}
        inside: 169.254.24.6/30
        peer-inside: 169.254.24.5
        ike: *ike                # the same as above
        esp: *esp
  - name: tgw-b
    id: vpn-0bbbbbbbbbbbbbbbb
    cloud: aws
    mode: bgp
    peer-asn: 64512
    priority: 100
    networks: [10.20.0.0/16]
    tunnels:
      - name: tgw-b1
        uplink: isp1
        remote: 203.0.113.71
        psk: {file: secrets/tgw-b1.psk}
        inside: 169.254.25.6/30
        peer-inside: 169.254.25.5
        ike: *ike
        esp: *esp
      - name: tgw-b2
        uplink: isp1
        remote: 203.0.113.72
        psk: {file: secrets/tgw-b2.psk}
        inside: 169.254.26.6/30
        peer-inside: 169.254.26.5
        ike: *ike
        esp: *esp
"""

_STATIC = """\
# One connection without BGP: the networks behind the cloud are named, one tunnel carries, the other takes over.
# The cloud needs static routes back to site.networks.
version: 1
site:
  name: dc1
  networks: [192.0.2.0/24]       # ours: what may use the tunnels
uplinks:
  - {name: isp1, interface: eth0, address: auto, gateway: auto}
connections:
  - name: vpc
    id: vpn-0123456789abcdef0
    cloud: aws
    mode: static
    prefer: ordered              # the tunnel with the lowest metric that works; equal: all of them, by weight
    networks: [10.20.0.0/16]     # behind the cloud
    tunnels:
      - name: vpc-1
        uplink: isp1
        remote: 198.51.100.7
        psk: {file: secrets/vpc-1.psk}
        inside: 169.254.23.6/30
        peer-inside: 169.254.23.5
        metric: 100              # leave it out and it is 100, 101 and so on by name
        ike: {version: 2, proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384], lifetime: 28800}
        esp: {proposals: [aes256gcm16-ecp384, aes256-sha384-ecp384], lifetime: 3600}
      - name: vpc-2
        uplink: isp1
        remote: 198.51.100.8
        psk: {file: secrets/vpc-2.psk}
        inside: 169.254.24.6/30
        peer-inside: 169.254.24.5
        metric: 101
        ike: {version: 2, proposals: [aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384], lifetime: 28800}
        esp: {proposals: [aes256gcm16-ecp384, aes256-sha384-ecp384], lifetime: 3600}
"""

_ALIBABA_DUAL = """\
# One Alibaba Cloud IPsec-VPN connection with BGP over two ways to the Internet: tunnel 1 by the first, 2 by the second.
# The cloud has a customer gateway for each public address. IKE and ESP of a tunnel never leave by the other uplink.
version: 1
site:
  name: dc1
  asn: 65010
  networks: [172.16.20.0/24, 172.16.21.0/24]
lans:                            # the LAN is where the first uplink is, and behind a router there
  - {name: core, interface: eth0, networks: [172.16.20.0/24]}
  - {name: dmz, interface: eth0, via: 172.16.20.1, networks: [172.16.21.0/24]}
uplinks:
  - {name: isp1, interface: eth0, address: auto, gateway: auto, public: 203.0.113.202}
  - {name: isp2, interface: eth1, address: auto, gateway: 198.18.21.253, public: 203.0.113.127}
connections:
  - name: vco
    id: vco-0123456789abcdefghij
    cloud: alibaba
    mode: bgp
    peer-asn: 64512
    networks: [192.168.0.0/16]
    tunnels:
      - name: vco-1
        uplink: isp1
        remote: 198.51.100.151
        psk: {file: secrets/vco-1.psk}
        inside: 169.254.10.2/30
        peer-inside: 169.254.10.1
        ike: &ike {version: 2, proposals: [aes256-sha256-modp2048], lifetime: 86400}
        esp: &esp {proposals: [aes256-sha256-modp2048], lifetime: 86400}
      - name: vco-2
        uplink: isp2
        remote: 198.51.100.87
        psk: {file: secrets/vco-2.psk}
        inside: 169.254.20.2/30
        peer-inside: 169.254.20.1
        ike: *ike
        esp: *esp
"""

_POLICY = """\
# One connection without interfaces: what the selectors name goes into one tunnel, the other stands by. The cloud has
# the same networks (Alibaba Cloud: protected data flows). When it moves to the other tunnel, so do we.
version: 1
site:
  name: dc1
  networks: [172.16.20.0/24, 172.16.21.0/24]
uplinks:
  - {name: isp1, interface: eth0, address: auto, gateway: auto, public: 203.0.113.202}
connections:
  - name: vco
    id: vco-0123456789abcdefghij
    cloud: alibaba
    mode: policy
    networks: [192.168.0.0/16]   # behind the cloud
    selectors:                   # leave them out and all of site.networks goes to all of networks
      - {local: [172.16.20.0/24, 172.16.21.0/24], remote: [192.168.0.0/16]}   # several need IKEv2
    tunnels:
      - name: vco-1
        uplink: isp1
        remote: 198.51.100.151
        psk: {file: secrets/vco-1.psk}
        metric: 100              # the lowest goes first
        ike: &ike {version: 2, proposals: [aes256-sha256-modp2048], lifetime: 86400}
        esp: &esp {proposals: [aes256-sha256-modp2048], lifetime: 86400}
      - name: vco-2
        uplink: isp1
        remote: 198.51.100.87
        psk: {file: secrets/vco-2.psk}
        metric: 101
        ike: *ike
        esp: *esp
"""

EXAMPLES: Mapping[str, str] = MappingProxyType(
    {"aws-bgp": _AWS_BGP, "alibaba-dual": _ALIBABA_DUAL, "static": _STATIC, "policy": _POLICY, "tgw": _TGW}
)
"""Name -> text."""
