"""What the EC2 API says: options before the template, several connections, keys elsewhere, every notation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from appliance.model.document import ImportReport, ReadConnection
from appliance.vendors import read_documents
from tests.vendors.aws.writers import TEMPLATE, configuration_xml, described_json, described_xml, description
from tests.vendors.samples import DYNAMIC, GENERIC, ID, STATIC, read, the_fault

OTHER = "vpn-0fa4e000000000002"
CONNECTION: ReadConnection = replace(
    DYNAMIC,
    tunnels=tuple(
        replace(t, mtu=None, ike=replace(t.ike, proposals=TEMPLATE), esp=replace(t.esp, proposals=TEMPLATE))
        for t in DYNAMIC.tunnels
    ),
)
"""Nothing set for it: AWS's template."""


def described(change: Callable[[dict[str, Any]], object], connection: ReadConnection = CONNECTION) -> ImportReport:
    """The report over the connection's description after a change."""
    data = description(connection)
    change(data)
    return read(json.dumps({"VpnConnections": [data]}, indent=4) + "\n")


def option(**values: Any) -> Callable[[dict[str, Any]], object]:
    """Options of the first tunnel."""
    return lambda data: data["Options"]["TunnelOptions"][0].update(values)


def listed(*values: object) -> list[dict[str, object]]:
    return [{"Value": value} for value in values]


def test_without_options_the_template_is_what_both_sides_have() -> None:
    assert described(lambda data: None).connections == (CONNECTION,)


def test_options_win_over_the_template() -> None:
    report = described(
        option(
            Phase1EncryptionAlgorithms=listed("AES256"),
            Phase1IntegrityAlgorithms=listed("SHA2-384", "SHA2-512"),
            Phase1DHGroupNumbers=listed(20),
            Phase2LifetimeSeconds=1800,
        )
    )
    assert report.faults == ()
    first, second = report.connections[0].tunnels
    assert first.ike.proposals == ("aes256-sha384-ecp384", "aes256-sha512-ecp384")
    assert first.esp == replace(second.esp, lifetime=1800)
    assert second.ike.proposals == TEMPLATE


def test_a_list_that_aws_leaves_open_beside_a_narrowed_one_is_filled_with_the_best() -> None:
    (connection,) = described(option(Phase1DHGroupNumbers=listed(14))).connections
    assert connection.tunnels[0].ike.proposals == ("aes256gcm16-prfsha384-modp2048", "aes256-sha384-modp2048")


def test_ikev1_alone_is_offered_no_aead() -> None:
    change = option(IkeVersions=listed("ikev1"), Phase1EncryptionAlgorithms=listed("AES256-GCM-16", "AES128"))
    report = described(change)
    assert report.faults == ()
    assert report.connections[0].tunnels[0].ike.version == 1
    assert report.connections[0].tunnels[0].ike.proposals == ("aes128-sha384-ecp384",)


def test_of_very_many_combinations_the_best_are_offered() -> None:
    report = described(
        option(
            Phase2EncryptionAlgorithms=listed("AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"),
            Phase2IntegrityAlgorithms=listed("SHA1", "SHA2-256", "SHA2-384", "SHA2-512"),
            Phase2DHGroupNumbers=listed(2, 5, 14, 19, 20, 21),
        )
    )
    assert report.connections[0].tunnels[0].esp.proposals == ("aes256gcm16-ecp384", "aes256-sha384-ecp384")
    assert any("60 combinations" in item.why for item in report.ignored)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"Phase1EncryptionAlgorithms": listed("AES512")}, "AES512"),
        ({"Phase2DHGroupNumbers": listed(99)}, "99"),
        ({"IkeVersions": listed("ikev3")}, "ikev3"),
        ({"Phase1LifetimeSeconds": 30000}, "30000"),
        ({"TunnelInsideCidr": "169.254.23.300/30"}, "169.254.23.300/30"),
    ],
)
def test_options_that_aws_does_not_have_are_faults(values: dict[str, Any], found: str) -> None:
    assert found in [fault.found for fault in described(option(**values)).faults if "contradicts" not in fault.message]


def test_options_join_the_template_by_outside_address_not_by_place() -> None:
    report = described(lambda data: data["Options"]["TunnelOptions"].reverse())
    assert report.faults == ()
    assert set(report.connections[0].tunnels) == set(CONNECTION.tunnels)


def test_host_bits_of_an_inside_network_do_not_matter() -> None:
    assert described(option(TunnelInsideCidr="169.254.23.5/30")).connections == (CONNECTION,)


def test_a_key_that_differs_from_the_templates_is_a_fault_that_shows_neither() -> None:
    fault = the_fault(described(option(PreSharedKey="Fake.key.of.nobody")))
    assert "contradicts" in fault.message
    assert fault.found == "***"


def test_keys_in_secrets_manager_are_missing_and_it_is_said_where_they_are() -> None:
    keyless = replace(CONNECTION, tunnels=tuple(replace(tunnel, psk=None) for tunnel in CONNECTION.tunnels))
    arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:fake"
    report = described(lambda data: data.update(PreSharedKeyArn=arn), keyless)
    assert report.faults == ()
    assert [item.hint for item in report.missing] == [f"--psk {ID}-1=file:PATH", f"--psk {ID}-2=file:PATH"]
    assert all(arn in item.why for item in report.missing)


def test_certificates_are_named_as_the_reason_for_a_missing_key() -> None:
    keyless = replace(CONNECTION, tunnels=tuple(replace(tunnel, psk=None) for tunnel in CONNECTION.tunnels))
    report = described(lambda data: data["VgwTelemetry"][0].update(CertificateArn="arn:aws:acm:fake"), keyless)
    assert all("certificate" in item.why for item in report.missing)


def test_static_routes_are_ours_as_the_cloud_has_them() -> None:
    static = replace(STATIC, mode="static", tunnels=CONNECTION.tunnels)
    routes = [
        {"DestinationCidrBlock": "172.16.20.0/24", "Source": "Static", "State": "available"},
        {"DestinationCidrBlock": "172.16.99.0/24", "Source": "Static", "State": "deleted"},
    ]
    report = described(lambda data: data.update(Routes=routes), static)
    assert [str(net) for net in report.connections[0].local_networks] == ["172.16.20.0/24"]
    assert report.connections[0].mode == "static"


def test_narrow_selectors_name_both_sides_networks() -> None:
    narrow = {"LocalIpv4NetworkCidr": "172.16.0.0/16", "RemoteIpv4NetworkCidr": "10.0.0.0/16"}
    report = described(lambda data: data["Options"].update(narrow))
    assert [str(net) for net in report.connections[0].networks] == ["10.0.0.0/16"]
    assert [str(net) for net in report.connections[0].local_networks] == ["172.16.0.0/16"]
    assert any("narrow selectors" in notice.message for notice in report.warnings)


def test_an_accelerated_connection_needs_nat_traversal() -> None:
    (connection,) = described(lambda data: data["Options"].update(EnableAcceleration=True)).connections
    assert [tunnel.nat_t for tunnel in connection.tunnels] == [True, True]


@pytest.mark.parametrize("text", ["..configuration information...", "", "***"])
def test_without_the_xml_the_options_tell_all_but_our_address_and_the_asns(text: str) -> None:
    report = described(lambda data: data.update(CustomerGatewayConfiguration=text))
    assert report.faults == ()
    (found,) = report.connections
    assert [(t.remote, t.inside, t.peer_inside, t.psk) for t in found.tunnels] == [
        (t.remote, t.inside, t.peer_inside, t.psk) for t in CONNECTION.tunnels
    ]
    owed = {item.field.rpartition(".")[2] for item in report.missing}
    assert owed == {"asn", "peer_asn", "public", "proposals", "networks"} - {"networks"}


def test_xml_that_is_cut_within_the_description_is_a_fault() -> None:
    half = configuration_xml(CONNECTION)[:900]
    fault = the_fault(described(lambda data: data.update(CustomerGatewayConfiguration=half)))
    assert fault.key == "VpnConnections[0].CustomerGatewayConfiguration"


def test_an_option_that_is_new_to_us_is_named() -> None:
    report = described(option(PostQuantum="on"))
    assert ["PostQuantum" in notice.message for notice in report.warnings].count(True) == 1


def two() -> str:
    """Two connections in one description; the tunnels of the second go elsewhere."""
    tunnels = (
        replace(tunnel, remote=tunnel.remote + 1 if tunnel.remote else None, inside=None, peer_inside=None)
        for tunnel in CONNECTION.tunnels
    )
    data = description(replace(CONNECTION, id=OTHER))
    del data["CustomerGatewayConfiguration"]
    for options, tunnel in zip(data["Options"]["TunnelOptions"], tunnels, strict=True):
        options["OutsideIpAddress"] = str(tunnel.remote)
    return json.dumps({"VpnConnections": [description(CONNECTION), data]}) + "\n"


def test_several_connections_are_told_apart_and_one_can_be_chosen() -> None:
    assert [found.id for found in read(two()).connections] == [ID, OTHER]
    for wanted in (ID, OTHER):
        report = read_documents([("vpn.json", two())], wanted)
        assert [found.id for found in report.connections] == [wanted]
        assert report.faults == ()


def test_deleted_connections_are_left_out_and_named() -> None:
    gone = {"VpnConnectionId": OTHER, "State": "deleted", "CustomerGatewayId": "cgw-0fa4e000000000002"}
    report = read(json.dumps({"VpnConnections": [gone, description(CONNECTION)]}) + "\n")
    assert report.connections == (CONNECTION,)
    assert [item.why for item in report.ignored if OTHER in item.why] == [
        f"{OTHER} is deleted: AWS shows it for a while"
    ]
    assert "no VPN connection" in the_fault(read(json.dumps({"VpnConnections": [gone]}) + "\n")).message


@pytest.mark.parametrize("wrap", [lambda d: {"VpnConnection": d}, lambda d: d, lambda d: [d], lambda d: [[d]]])
def test_parts_of_an_answer_are_read_too(wrap: Callable[[dict[str, Any]], Any]) -> None:
    """What ``create-vpn-connection`` answers, and what ``--query`` leaves over."""
    assert read(json.dumps(wrap(description(CONNECTION))) + "\n").connections == (CONNECTION,)


def test_snake_case_is_read_too() -> None:
    """Ansible's ec2_vpc_vpn_info."""

    def snake(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                "".join(f"_{c.lower()}" if c.isupper() else c for c in key).lstrip("_"): snake(item)
                for key, item in value.items()
            }
        return [snake(item) for item in value] if isinstance(value, list) else value

    assert read(json.dumps(snake({"VpnConnections": [description(CONNECTION)]})) + "\n").connections == (CONNECTION,)


def test_the_query_api_says_the_same_as_the_command_line() -> None:
    narrow = replace(CONNECTION, cloud_gateway="tgw-0fa4e000000000001")
    assert read(described_xml(narrow)).connections == read(described_json(narrow)).connections == (narrow,)


def test_a_document_that_cannot_be_read_says_so_also_when_one_connection_is_asked_for() -> None:
    report = read_documents([("vpn.json", described_json(CONNECTION)[:2000])], ID)
    assert "middle" in the_fault(report).message or "expected" in the_fault(report).message


@pytest.mark.parametrize("first", [True, False])
def test_options_win_over_a_downloads_template_in_either_order(first: bool) -> None:
    data = description(CONNECTION)
    data["Options"]["TunnelOptions"][0].update(
        Phase1EncryptionAlgorithms=listed("AES256"),
        Phase1IntegrityAlgorithms=listed("SHA2-384"),
        Phase1DHGroupNumbers=listed(20),
    )
    documents = [("vpn.json", json.dumps({"VpnConnections": [data]}).encode()), ("vpn.txt", GENERIC.encode())]
    report = read_documents(documents if first else documents[::-1])
    assert report.faults == ()
    (found,) = report.connections
    assert found.tunnels[0].ike.proposals == ("aes256-sha384-ecp384",)
    assert found.tunnels[0].mtu == 1436
    assert [n.where for n in report.warnings if "vpn.json, line 1, which counts" in n.message]


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        ({"RekeyMarginTimeSeconds": 270, "RekeyFuzzPercentage": 100}, False),
        ({"RekeyMarginTimeSeconds": 540, "RekeyFuzzPercentage": 0}, False),
        ({"RekeyMarginTimeSeconds": 600}, True),
        ({"RekeyMarginTimeSeconds": 540, "RekeyFuzzPercentage": 50}, True),
    ],
)
def test_a_margin_that_reaches_into_our_rekeying_is_warned_of(values: dict[str, Any], warned: bool) -> None:
    assert any("rekeys up to" in notice.message for notice in described(option(**values)).warnings) is warned
