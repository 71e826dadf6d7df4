"""``alicloud_vpn_connection`` and ``alicloud_vpn_gateway_vpn_attachment`` in Terraform's states and plans, with the
customer gateways they refer to.

Their attributes (registry.terraform.io/providers/aliyun/alicloud) are the API's in small letters, blocks in lists.
"""

from __future__ import annotations

from appliance.model.fault import Fault, Notice
from appliance.profiles.alibaba import ALIBABA
from appliance.vendors.alibaba.describe import read_connection
from appliance.vendors.draft import Reading
from appliance.vendors.settling import unreadable
from appliance.vendors.terraform import Resource, referred, resources
from appliance.vendors.text import Document
from appliance.vendors.tree import Node, read_tree
from appliance.vendors.values import parse_address

_CONNECTIONS = ("alicloud_vpn_connection", "alicloud_vpn_gateway_vpn_attachment")


def parse(document: Document) -> list[Reading]:
    """Every connection of the state or plan."""
    root = read_tree(document)
    if isinstance(root, Fault):
        return unreadable(root, ALIBABA)
    customers, gateways = (resources(root, f"alicloud_vpn_{kind}") for kind in ("customer_gateway", "gateway"))
    found = resources(root, *_CONNECTIONS)
    if not found:
        allowed = "a state that has been applied, or a plan"
        return unreadable(root.place.fault("no VPN connection in it", allowed=allowed), ALIBABA)
    return [_read(resource, [customer.values for customer in customers], gateways) for resource in found]


def _read(resource: Resource, customers: list[Node], gateways: list[Resource]) -> Reading:
    reading, values = read_connection(resource.values, customers), resource.values
    faults = reading.findings.faults
    if resource.id is None:
        message = f"{resource.address} has yet to be made: its addresses are not known"
        reading.findings.warnings.append(Notice(values.place.where, message))
    gateway = referred(gateways, values.find("vpn_gateway_id"))
    outside = gateway.values.find("internet_ip") if gateway else None
    if len(reading.draft.tunnels) == 1 and outside is not None and outside.text:
        reading.draft.tunnels[0].remote.say(parse_address(outside.text, outside.place, faults), outside.place)
    return reading
