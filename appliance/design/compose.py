"""The recipe: a wish in, everything that the box must hold out."""

from __future__ import annotations

from appliance.design.capturing import capturing_resources
from appliance.design.detours import detours
from appliance.design.drawing import forget_the_past
from appliance.design.egress import egress_resources
from appliance.design.filtering import firewall_tables
from appliance.design.paths import static_routes
from appliance.design.peering import router_configs, speaker_configs
from appliance.design.policies import policy_resources
from appliance.design.routing import lan_routes, machine_settings, route_resources
from appliance.design.tunnels import tunnel_resources
from appliance.design.wish import Wish
from appliance.model.resources import Resource


def compose(wish: Wish) -> frozenset[Resource]:
    """Desired resources. The same wish gives the same set, whatever the order of the intent's lists."""
    forget_the_past(wish)
    return tunnel_resources(wish).union(
        egress_resources(wish),
        policy_resources(wish),
        route_resources(wish),
        capturing_resources(wish),
        lan_routes(wish),
        static_routes(wish),
        detours(wish),
        machine_settings(wish),
        firewall_tables(wish),
        router_configs(wish),
        speaker_configs(wish),
    )
