"""A connection to what is neither lines nor blocks: AWS's download for pfSense, and an export of RouterOS."""

from __future__ import annotations

from appliance.model.document import ReadConnection, ReadTunnel
from tests.vendors.device.spoken import download, parts
from tests.vendors.writers import GROUP_NUMBERS, duration, reveal


def pfsense_text(connection: ReadConnection) -> str:
    """The download of vendor pfSense."""
    return download(connection, "!", pfsense_tunnel)


def pfsense_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's two entries."""
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    name = f"{connection.id}-{number - 1}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!
! A policy is established for the supported ISAKMP encryption, authentication, Diffie-Hellman, lifetime,
! and key parameters.
!
Go to VPN-->IPSec. Add a new Phase1 entry (click + button )

General information
 a. Disabled : uncheck
 b. Key Exchange version :V{tunnel.ike.version}
 c. Internet Protocol : IPv4
 d. Interface : WAN
 e. Remote Gateway: {tunnel.remote}
 f. Description: Amazon-IKE-{name}

 Phase 1 proposal (Authentication)
 a. Authentication Method: Mutual PSK
 b. Negotiation mode : Main
 c. My identifier : My IP address
 d. Peer identifier : Peer IP address
 e. Pre-Shared Key: {reveal(tunnel.psk)}

 Phase 1 proposal (Algorithms)
 a. Encryption algorithm : {cipher}
 b. Hash algorithm :  {digest}
 c. DH key group :  {GROUP_NUMBERS[group]}
 d. Lifetime : {tunnel.ike.lifetime} seconds

 Advanced Options
 a. Disable Rekey : uncheck
 b. Responder Only : uncheck
 c. NAT Traversal : Auto
 d. Deed Peer Detection : Enable DPD
    Delay between requesting peer acknowledgement : {tunnel.dpd.delay} seconds
    Number of consecutive failures allowed before disconnect : {tunnel.dpd.retries} retries

! #2: IPSec Configuration
!
Expand the VPN configuration clicking in "+" and then create a new Phase2 entry as follows:

 a. Disabled :uncheck
 b. Mode : Tunnel
 c. Local Network : Type: LAN subnet
    Address :  ! Enter your local network CIDR in the Address tab
 d. Remote Network : Type : Network
    Address :  ! Enter your remote network CIDR in the Address tab
 e. Description : Amazon-IPSec-{name}

 Phase 2 proposal (SA/Key Exchange)
 a. Protocol : ESP
 b. Encryption algorigthms :{esp_cipher}
  c. Hash algorithms : {esp_digest}
  d. PFS key group :   {GROUP_NUMBERS[esp_group]}
e. Lifetime : {tunnel.esp.lifetime} seconds

Advanced Options

Automatically ping host : ! Provide the IP address of an EC2 instance in VPC that will respond to ICMP.

"""


def routeros_text(connection: ReadConnection) -> str:
    """An export of RouterOS 7 with long lines broken by backslashes."""
    rows = enumerate(connection.tunnels, start=1)
    made = [routeros_tunnel(tunnel, f"{connection.id}-{number}") for number, tunnel in rows]
    profiles, peers, proposals, identities, policies = ("".join(part) for part in zip(*made, strict=True))
    return f"""# nov/21/2026 05:00:00 by RouterOS 7.16
/interface ethernet
set [ find default-name=ether1 ] comment=WAN
/ip ipsec profile
set [ find default=yes ] dpd-interval=2m dpd-maximum-failures=5
{profiles}/ip ipsec peer
{peers}/ip ipsec proposal
{proposals}/ip address
add address=10.0.0.5/24 interface=ether1 network=10.0.0.0
/ip ipsec identity
{identities}/ip ipsec policy
{policies}/system identity
set name=r1
"""


def routeros_tunnel(tunnel: ReadTunnel, name: str) -> tuple[str, str, str, str, str]:
    """One tunnel's rows: profile, peer, proposal, identity, policy."""
    assert tunnel.ike.lifetime is not None
    assert tunnel.esp.lifetime is not None
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    phase1 = f"dh-group={group} dpd-interval={tunnel.dpd.delay}s dpd-maximum-failures={tunnel.dpd.retries}"
    return (
        f"add {phase1} \\\n    enc-algorithm=aes-{cipher[3:]} hash-algorithm={digest} \\\n"
        f"    lifetime={duration(tunnel.ike.lifetime)} name={name}\n",
        f'add address={tunnel.remote}/32 comment="to the cloud" exchange-mode=ike2 \\\n'
        f"    local-address={tunnel.public} name={name} profile={name}\n",
        f"add auth-algorithms={esp_digest} enc-algorithms=aes-{esp_cipher[3:]}-cbc lifetime=\\\n"
        f"    {duration(tunnel.esp.lifetime)} name={name} pfs-group={esp_group}\n",
        f'add peer={name} secret="{reveal(tunnel.psk)}"\n',
        f"add dst-address=10.20.0.0/16 peer={name} proposal={name} src-address=172.16.0.0/12 tunnel=yes\n",
    )


def fortigate_text(connection: ReadConnection) -> str:
    """The download of vendor Fortinet with pages to fill in."""
    return download(connection, "!", fortigate_tunnel)


def fortigate_tunnel(tunnel: ReadTunnel, connection: ReadConnection, number: int) -> str:
    """One tunnel's pages."""
    assert tunnel.inside is not None
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    name = f"{connection.id}-{number - 1}"
    return f"""! #1: Internet Key Exchange (IKE) Configuration
!
! Configuration begins in root VDOM.

Go to VPN-->IPSec--> AutoKey, create Phase 1

 a. Name: {name} ! Name must be shorter than 15 chars, best if shorter than 12
 b. Remote Gateway: Static IP Address
 c. IP address: {tunnel.remote}
 d. Local Interface: wan1
 e. Mode: Main
 f. Authentication Method: Pre-shared Key
 g. Pre-Shared Key: {reveal(tunnel.psk)}

 h. Select "Enable IPsec Interface Mode"
 i. Ike Version: {tunnel.ike.version}
 j. Local-gateway: Select Specify and enter {tunnel.public}
 k. Encryption: {cipher}
 l. Authentication: {digest}
 m. DH group: {GROUP_NUMBERS[group]}     ! and deselect 5
 n. Keylife: {tunnel.ike.lifetime} seconds

! NAT Traversal is enabled by default but if your FortiGate device is not behind a NAT/PAT device, please deselect it.

 o. Select  Dead Peer Detection Enable
 p. Click ok

! #2: IPSec Configuration
!
Go to VPN-->IPSec--> AutoKey, create Phase 2

 a. Name   :  {name} ! Name must be shorter than 15 chars, best if shorter than 12
 b. Phase 1:  {name}

Select Advanced

 c. Encryption: {esp_cipher}
 d. Authentication: {esp_digest}
 e. Select Enable Replay Detection
 f. Select Perfect Forward Secrecy
 g. DH Group: {GROUP_NUMBERS[esp_group]} ! and deselect 5
 h. Keylife: {tunnel.esp.lifetime} seconds
 i. Enable Autokey Keep Alive
 j. Click Ok

! #3: Tunnel Interface Configuration
!
Go to Network Tab --> Interface --> wan1 and edit {name}

 a. IP : {tunnel.inside.ip}
 b. Remote IP: {tunnel.peer_inside}
 c. Select Ping
 d. Administrative Status: Up
 e. Select Ok.

!You can set MTU and MSS on the tunnel by performing this from the CLI:
 config global
 config system interface
  edit "{name}"
    set mtu {tunnel.mtu}
    set tcp-mss {tunnel.mss}
   next

! #4 Static Route Configuration
!
! An example for a VPC with the prefix 10.0.0.0/16 is provided below:
!
Go to Router Tab --> Static --> Static Route, and click on Create New

 a. Destination IP/Mask: 10.0.0.0/16
 b. Device: {name}
 c. Select Ok

Go to Firewall --> Policy --> Policy
1) Create New
   a. Incoming Interface/Zone = internal ! This is the interface out which your local LAN resides
   g. Action = ACCEPT

"""


def pfsense_xml(connection: ReadConnection) -> str:
    """The configuration that pfSense saves, with tunnel interfaces."""
    entries = "".join(
        pfsense_entries(tunnel, f"Amazon-IKE-{connection.id}-{number - 1}", number)
        for number, tunnel in enumerate(connection.tunnels, start=1)
    )
    return f"""<?xml version="1.0"?>
<pfsense>
\t<version>23.3</version>
\t<system>
\t\t<hostname>office</hostname>
\t</system>
\t<ipsec>
{entries}\t</ipsec>
</pfsense>
"""


def pfsense_entries(tunnel: ReadTunnel, name: str, number: int) -> str:
    """One tunnel's phase 1 and phase 2."""
    assert tunnel.inside is not None
    cipher, digest, group = parts(tunnel.ike.proposals)
    esp_cipher, esp_digest, esp_group = parts(tunnel.esp.proposals)
    return f"""\t\t<phase1>
\t\t\t<ikeid>{number}</ikeid>
\t\t\t<iketype>ikev{tunnel.ike.version}</iketype>
\t\t\t<interface>wan</interface>
\t\t\t<remote-gateway>{tunnel.remote}</remote-gateway>
\t\t\t<protocol>inet</protocol>
\t\t\t<myid_type>address</myid_type>
\t\t\t<myid_data>{tunnel.public}</myid_data>
\t\t\t<peerid_type>peeraddress</peerid_type>
\t\t\t<encryption>
\t\t\t\t<item>
\t\t\t\t\t<encryption-algorithm>
\t\t\t\t\t\t<name>aes</name>
\t\t\t\t\t\t<keylen>{cipher[3:]}</keylen>
\t\t\t\t\t</encryption-algorithm>
\t\t\t\t\t<hash-algorithm>{digest}</hash-algorithm>
\t\t\t\t\t<dhgroup>{GROUP_NUMBERS[group]}</dhgroup>
\t\t\t\t</item>
\t\t\t</encryption>
\t\t\t<lifetime>{tunnel.ike.lifetime}</lifetime>
\t\t\t<pre-shared-key>{reveal(tunnel.psk)}</pre-shared-key>
\t\t\t<authentication_method>pre_shared_key</authentication_method>
\t\t\t<descr><![CDATA[{name}]]></descr>
\t\t\t<nat_traversal>on</nat_traversal>
\t\t\t<dpd_delay>{tunnel.dpd.delay}</dpd_delay>
\t\t\t<dpd_maxfail>{tunnel.dpd.retries}</dpd_maxfail>
\t\t</phase1>
\t\t<phase2>
\t\t\t<ikeid>{number}</ikeid>
\t\t\t<uniqid>5d541916220a{number}</uniqid>
\t\t\t<mode>vti</mode>
\t\t\t<localid>
\t\t\t\t<type>network</type>
\t\t\t\t<address>{tunnel.inside.ip}</address>
\t\t\t\t<netbits>{tunnel.inside.network.prefixlen}</netbits>
\t\t\t</localid>
\t\t\t<remoteid>
\t\t\t\t<type>address</type>
\t\t\t\t<address>{tunnel.peer_inside}</address>
\t\t\t</remoteid>
\t\t\t<protocol>esp</protocol>
\t\t\t<encryption-algorithm-option>
\t\t\t\t<name>aes</name>
\t\t\t\t<keylen>{esp_cipher[3:]}</keylen>
\t\t\t</encryption-algorithm-option>
\t\t\t<hash-algorithm-option>hmac_{esp_digest}</hash-algorithm-option>
\t\t\t<pfsgroup>{GROUP_NUMBERS[esp_group]}</pfsgroup>
\t\t\t<lifetime>{tunnel.esp.lifetime}</lifetime>
\t\t</phase2>
"""
