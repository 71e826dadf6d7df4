"""What is left to do on the cloud's side, as commands that hold no key and strengthen one tunnel at a time."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.intent.crypto import recommended
from appliance.model.document import ReadConnection
from appliance.model.intent import Announce, Connection, Intent, Site, Uplink
from appliance.profiles import PROFILES
from appliance.profiles.aws import AWS
from appliance.todo.compose import compose_todo
from appliance.todo.task import Task
from appliance.vendors.intent_of import connection_of
from tests.vendors.aws.described import in_api
from tests.vendors.samples import DYNAMIC, ID

OURS = (IPv4Network("172.16.20.0/24"), IPv4Network("172.16.21.0/24"))
WEAK = replace(
    DYNAMIC,
    tunnels=tuple(
        replace(
            tunnel,
            ike=replace(tunnel.ike, proposals=("aes128-sha1-modp1024",)),
            esp=replace(tunnel.esp, proposals=("aes128-sha1-modp1024",)),
        )
        for tunnel in DYNAMIC.tunnels
    ),
)
CLOUDS = [name for name in PROFILES if name != "generic"]


def tasks(read: ReadConnection, cloud: str = "aws", mode: str = "bgp", *, nat: bool = False) -> tuple[Task, ...]:
    """The list for the connection as the document has it."""
    connection = replace(connection_of(read, mode=mode), cloud=cloud)
    return compose_todo(intent(connection, nat), connection, read, connection)


def intent(connection: Connection, nat: bool = False) -> Intent:
    uplink = Uplink("isp1", "eth0", public=ip_address("203.0.113.202") if nat else None)
    return Intent(Site("dc1", 65000, None, OURS), (connection,), uplinks=(uplink,))


def commands(found: tuple[Task, ...], word: str) -> list[list[str]]:
    """The commands with this word, as a shell would split them."""
    split = [shlex.split(task.command) for task in found if task.command]
    return [words for words in split if word in words]


def strong(read: ReadConnection) -> Connection:
    """The connection after ``--crypto recommended``."""
    connection = connection_of(read, mode="bgp")
    ike, esp = recommended(AWS)
    return replace(connection, tunnels=tuple(replace(tunnel, ike=ike, esp=esp) for tunnel in connection.tunnels))


def test_a_virtual_private_gateway_propagates_its_routes() -> None:
    (words,) = commands(tasks(DYNAMIC), "enable-vgw-route-propagation")
    assert words[:3] == ["aws", "ec2", "enable-vgw-route-propagation"]
    assert words[words.index("--gateway-id") + 1] == DYNAMIC.cloud_gateway


def test_without_bgp_the_routes_that_aws_lacks_are_made() -> None:
    static = replace(DYNAMIC, mode="static", local_networks=OURS[:1])
    (words,) = commands(tasks(static, mode="static"), "create-vpn-connection-route")
    assert words[words.index("--vpn-connection-id") + 1] == ID
    assert words[words.index("--destination-cidr-block") + 1] == str(OURS[1])
    assert commands(tasks(DYNAMIC), "create-vpn-connection-route") == []


def test_a_transit_gateway_needs_routes_in_two_places() -> None:
    transit = replace(DYNAMIC, cloud_gateway="tgw-0fa4e000000000001")
    found = tasks(transit)
    assert len(commands(found, "enable-transit-gateway-route-table-propagation")) == 1
    assert [words[words.index("--transit-gateway-id") + 1] for words in commands(found, "create-route")] == [
        transit.cloud_gateway
    ] * len(OURS)
    assert commands(found, "enable-vgw-route-propagation") == []
    still = tasks(transit, mode="static")
    assert len(commands(still, "create-transit-gateway-route")) == len(OURS)
    assert commands(still, "create-vpn-connection-route") == []


def test_an_unnamed_gateway_is_asked_for() -> None:
    (words,) = commands(tasks(replace(DYNAMIC, cloud_gateway=None)), "describe-vpn-connections")
    assert words[-1] == ID


def test_security_groups_let_in_both_families() -> None:
    connection = connection_of(DYNAMIC, mode="bgp")
    six = IPv6Network("2001:db8:20::/48")
    site = replace(intent(connection), site=Site("dc1", 65000, None, (OURS[0], six)))
    ((*_, permissions),) = commands(compose_todo(site, connection), "authorize-security-group-ingress")
    assert permissions == f"IpProtocol=-1,IpRanges=[{{CidrIp={OURS[0]}}}],Ipv6Ranges=[{{CidrIpv6={six}}}]"


def test_what_bgp_announces_is_what_the_cloud_must_let_in() -> None:
    connection = replace(connection_of(DYNAMIC, mode="bgp"), announce=Announce(networks=OURS[1:]))
    ((*_, permissions),) = commands(compose_todo(intent(connection), connection), "authorize-security-group-ingress")
    assert (str(OURS[0]) in permissions, str(OURS[1]) in permissions) == (False, True)


def test_behind_nat_the_appliance_may_be_an_instance_that_must_forward() -> None:
    assert commands(tasks(DYNAMIC), "--no-source-dest-check") == []
    assert len(commands(tasks(DYNAMIC, nat=True), "--no-source-dest-check")) == 1


def test_weak_tunnels_are_strengthened_one_at_a_time() -> None:
    found = [task for task in tasks(WEAK) if "modify-vpn-tunnel-options" in (task.command or "")]
    assert len(found) == len(WEAK.tunnels)
    for task, tunnel in zip(found, WEAK.tunnels, strict=True):
        words = shlex.split(task.command or "")
        assert words[words.index("--vpn-tunnel-outside-ip-address") + 1] == str(tunnel.remote)
        assert "replaces the tunnel's endpoint" in task.why
        assert "one tunnel at a time" in task.why
        assert "sha1, modp1024" in task.why


def test_what_is_asked_of_aws_is_what_we_then_offer() -> None:
    options = commands(tasks(WEAK), "modify-vpn-tunnel-options")[0][-1]
    assert options == (
        "IKEVersions=[{Value=ikev2}],"
        "Phase1EncryptionAlgorithms=[{Value=AES256-GCM-16},{Value=AES256}],"
        "Phase1IntegrityAlgorithms=[{Value=SHA2-384}],Phase1DHGroupNumbers=[{Value=20}],"
        "Phase2EncryptionAlgorithms=[{Value=AES256-GCM-16},{Value=AES256}],"
        "Phase2IntegrityAlgorithms=[{Value=SHA2-384}],Phase2DHGroupNumbers=[{Value=20}]"
    )


def test_strong_tunnels_are_left_alone_and_a_weak_document_is_narrowed() -> None:
    connection = strong(WEAK)
    assert commands(compose_todo(intent(connection), connection), "modify-vpn-tunnel-options") == []
    after = compose_todo(intent(connection), connection, WEAK, connection_of(WEAK, mode="bgp"))
    assert len(commands(after, "modify-vpn-tunnel-options")) == 2
    assert any("still accepts weak algorithms" in task.why for task in after)


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("mode", ["bgp", "static", "policy"])
def test_every_cloud_has_a_list_that_names_our_networks(cloud: str, mode: str) -> None:
    found = tasks(WEAK, cloud, mode, nat=True)
    assert {task.cloud for task in found} == {cloud}
    said = " ".join(f"{task.why} {task.command}" for task in found)
    assert all(str(network) in said for network in OURS)
    assert "weak" in said


def test_a_standard_gateway_has_none() -> None:
    assert tasks(WEAK, "generic") == ()


def test_alibabas_routes_go_where_the_connection_ends() -> None:
    gateway = replace(DYNAMIC, cloud_gateway="vpn-fake", id="vco-fake")
    assert commands(tasks(gateway, "alibaba"), "ModifyVpnGatewayAttribute")[0][-1] == "true"
    made = commands(tasks(gateway, "alibaba", "static"), "CreateVpnRouteEntry")
    assert [words[words.index("--RouteDest") + 1] for words in made] == [str(network) for network in OURS]
    router = replace(gateway, cloud_gateway="tr-fake")
    assert len(commands(tasks(router, "alibaba"), "EnableTransitRouterRouteTablePropagation")) == 1


def test_azures_local_gateway_holds_our_bgp_addresses_or_our_networks() -> None:
    ((*_, first, second),) = commands(tasks(DYNAMIC, "azure"), "local-gateway")
    assert (first, second) == ("169.254.23.6/32", "169.254.22.74/32")
    ((*_, first, second),) = commands(tasks(DYNAMIC, "azure", "static"), "local-gateway")
    assert (first, second) == tuple(map(str, OURS))


def test_oracles_phases_are_json() -> None:
    words = commands(tasks(WEAK, "oci"), "ip-sec-tunnel")[0]
    first, second = (json.loads(words[words.index(f"--phase-{name}-config") + 1]) for name in ("one", "two"))
    assert (first["encryptionAlgorithm"], first["diffieHelmanGroup"]) == ("AES_256_CBC", "GROUP20")
    assert (second["encryptionAlgorithm"], second["pfsDhGroup"]) == ("AES_256_GCM", "GROUP20")


@settings(max_examples=30)
@given(in_api(keyless=False), st.sampled_from(CLOUDS), st.sampled_from(["bgp", "static"]))
def test_no_key_is_in_a_command(read: ReadConnection, cloud: str, mode: str) -> None:
    said = repr(tasks(read, cloud, mode, nat=True))
    assert not any(tunnel.psk.reveal() in said for tunnel in read.tunnels if tunnel.psk)


def test_azures_names_come_from_what_azure_says() -> None:
    read = replace(
        WEAK, customer_gateway="dc1",
        id="/subscriptions/0/resourceGroups/rg-site/providers/Microsoft.Network/connections/to-dc1",
    )  # fmt: skip
    found = tasks(read, "azure")
    (gateway,) = commands(found, "local-gateway")
    assert gateway[gateway.index("--name") + 1] == "dc1"
    (policy,) = commands(found, "ipsec-policy")
    assert policy[policy.index("--resource-group") + 1] == "rg-site"
    assert policy[policy.index("--connection-name") + 1] == "to-dc1"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_known_of_balancing_and_of_probes_is_said(cloud: str) -> None:
    said = " ".join(task.why for task in tasks(DYNAMIC, cloud))
    assert PROFILES[cloud].ecmp in said
    assert ("name it (probe:" in said) is (PROFILES[cloud].probe_target is None)


def test_where_one_tunnel_carries_nothing_is_balanced() -> None:
    assert not any("balanced" in task.why for task in tasks(DYNAMIC, mode="static"))
