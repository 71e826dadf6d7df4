"""The recipe: a wish in, everything that the box must hold out."""

from __future__ import annotations

from dataclasses import dataclass

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
from appliance.model.drawn import Joined, chain_each, join_all, keep, keep_equal, make_each
from appliance.model.resources import Resource


@dataclass(frozen=True, slots=True)
class Composed:
    """All that is desired, of which kinds that is, and what BGP's speakers are to be told. ``joined`` says how it
    differs from what was composed before."""

    joined: Joined[Resource]
    kinds: frozenset[type]
    speakers: frozenset[Resource]

    @property
    def desired(self) -> frozenset[Resource]:
        """All of it."""
        return self.joined.whole


def compose(wish: Wish) -> frozenset[Resource]:
    """Desired resources. The same wish gives the same set, whatever the order of the intent's lists."""
    return compose_again(wish).desired


def compose_again(wish: Wish) -> Composed:
    """The same, by what was composed before."""
    forget_the_past(wish)
    others, (ways_out, main_routes) = _others(wish), egress_resources(wish)
    parts = chain_each(wish.drawn, "parts", (tunnel_resources(wish), ways_out, (main_routes, *others)))
    each = make_each(wish.drawn, "kinds", parts, _kinds, settle=keep_equal)
    kinds = keep(wish.drawn, "all kinds", each, lambda: frozenset[type]().union(*set(each)))
    return Composed(join_all(wish.drawn, "everything", parts), kinds, others[-1])


def _others(wish: Wish) -> tuple[frozenset[Resource], ...]:
    """What is drawn of all connections together. What is equal to what was drawn before is that object."""
    now: tuple[frozenset[Resource], ...] = (
        policy_resources(wish),
        route_resources(wish),
        capturing_resources(wish),
        lan_routes(wish),
        static_routes(wish),
        detours(wish),
        machine_settings(wish),
        firewall_tables(wish),
        router_configs(wish) | speaker_configs(wish),
    )
    before = wish.drawn.get("others", now)
    wish.drawn["others"] = found = tuple(map(keep_equal, before, now))
    return found


def _kinds(part: frozenset[Resource]) -> frozenset[type]:
    return frozenset(map(type, part))
