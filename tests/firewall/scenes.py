"""The filter that fits the little network of :mod:`tests.firewall.wires`, and parts of it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from appliance.model.filtering import Filter, LanGuard, ManagementGuard, Translation, TunnelGuard

VPC_1 = TunnelGuard(
    interface="vpc-1",
    remote=ip_address("198.51.100.7"),
    uplink="eth0",
    neighbors=(ip_address("169.254.23.5"), ip_address("fd00:23::1")),
    mss=1398,
    mss6=1378,
    inside=(ip_network("169.254.23.4/30"), ip_network("fd00:23::/126")),
)
VPC_2 = TunnelGuard(
    interface="vpc-2",
    remote=ip_address("2001:db8:100::7"),
    uplink=None,
    neighbors=(ip_address("169.254.24.5"),),
    mss=1300,
    mss6=1280,
    inside=(ip_network("169.254.24.4/30"), ip_network("fd00:24::/126")),
)
LAN = LanGuard("eth2", (ip_network("172.16.20.0/24"), ip_network("2001:db8:20::/64")))
SHARED = Filter(
    tunnels=(VPC_1, VPC_2),
    uplinks=("eth0",),
    lans=(LAN,),
    protected=(ip_network("10.0.0.0/8"), ip_network("2001:db8:1000::/48"), ip_network("2001:db8:2000::/36")),
    deny_private=True,
    uplink_networks=(ip_network("198.51.100.0/24"), ip_network("10.77.0.0/24"), ip_network("2001:db8:100::/64")),
)
MANAGEMENT = ManagementGuard(("eth2",), (ip_network("172.16.20.0/24"), ip_network("2001:db8:20::/64")), (22, 9342))
OUT = Translation(("eth0",), LAN.networks)
INTO = Translation(("vpc-1", "vpc-2"), LAN.networks[:1], ip_address("172.16.20.1"))
"""What the LAN sends to the Internet goes out as the box's own; what it sends to the clouds, as one address."""
