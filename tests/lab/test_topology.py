"""Topology files: what is understood, what is merged, and that every fault has its key and line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.lab.links import DEFAULT_MTU, render_ends, render_links
from appliance.lab.settings import IMAGES
from appliance.lab.topology import Topology, parse_topology
from appliance.model.fault import FaultyInput

SMALL = """\
name: small
topology:
  nodes:
    a: {kind: linux, image: appliance-lab}
    b: {kind: linux, image: appliance-lab}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
"""


def faults_of(text: str) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(FaultyInput) as caught:
        parse_topology(text, "x.clab.yml")
    return [(fault.line, fault.key, fault.message) for fault in caught.value.faults]


def with_node(settings: str) -> str:
    return f"name: n\ntopology:\n  nodes:\n    a:\n      kind: linux\n      image: appliance-lab\n{settings}"


def node_a(settings: str) -> Topology:
    return parse_topology(with_node(settings), "x.clab.yml")


def test_a_link_without_mtu_has_the_one_containerlab_gives() -> None:
    (link,) = parse_topology(SMALL, "x.clab.yml").links
    assert (link.name, link.mtu) == ("a.eth1--b.eth1", DEFAULT_MTU)


def test_layers_merge_from_defaults_to_the_node() -> None:
    topology = parse_topology(
        """\
name: layers
topology:
  defaults: {kind: linux, image: appliance-lab, env: {A: default, B: default}, exec: [one]}
  kinds: {linux: {env: {B: kind, C: kind}, sysctls: {net.ipv4.ip_forward: 1}, exec: [two]}}
  groups: {g: {cmd: sleep 1, env: {C: group}, binds: ["x:/x"]}}
  nodes:
    n: {group: g, env: {D: true}, exec: [three], binds: ["x:/x", "y:/y:ro"]}
""",
        "x.clab.yml",
    )
    (node,) = topology.nodes
    assert node.env == {"A": "default", "B": "kind", "C": "group", "D": "true"}
    assert node.execs == (("one",), ("two",), ("three",))
    assert node.command == ("sleep", "1")
    assert node.sysctls == {"net.ipv4.ip_forward": "1"}
    assert [(bind.source, str(bind.target), bind.read_only) for bind in node.binds] == [
        ("x", "/x", False),
        ("y", "/y", True),
    ]


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        ("", ("sleep", "infinity")),
        ("      cmd: sh -c 'echo a  b'\n", ("sh", "-c", "echo a  b")),
        ("      entrypoint: /bin/tool -x\n      cmd: y\n", ("/bin/tool", "-x", "y")),
        ("      image: appliance:latest\n      cmd: y\n", ("/usr/lib/appliance-entrypoint", "y")),
    ],
)
def test_commands_combine_as_in_a_container(settings: str, command: tuple[str, ...]) -> None:
    text = with_node(settings).replace(
        "      image: appliance-lab\n", "" if "image:" in settings else "      image: appliance-lab\n"
    )
    assert parse_topology(text, "x.clab.yml").nodes[0].command == command


def test_every_fault_is_told_with_its_line() -> None:
    text = """\
name: bad/name
prefix: x
topology:
  nodes:
    a:
      kind: linux
      image: busybox
      startup-config: x
      sysctls: {kernel.panic: 1}
      binds: [here, "x:/..", "x:/y:exec"]
      healthcheck: {test: [true]}
    b: {kind: srl}
    sw: {kind: bridge}
  links:
    - endpoints: ["a:eth1", "nobody:eth1"]
    - endpoints: ["a:eth1", "sw:a-name-much-too-long"]
    - {type: host, endpoint: {node: a, interface: eth3}}
    - endpoints: ["a:eth4"]
      mtu: 12
"""
    assert {(line, key) for line, key, _message in faults_of(text)} == {
        (1, "name"),
        (2, "prefix"),
        (7, "topology.nodes.a.image"),
        (8, "topology.nodes.a.startup-config"),
        (9, "topology.nodes.a.sysctls.kernel.panic"),
        (10, "topology.nodes.a.binds[0]"),
        (10, "topology.nodes.a.binds[1]"),
        (10, "topology.nodes.a.binds[2]"),
        (11, "topology.nodes.a.healthcheck.test[0]"),
        (11, "topology.nodes.a.healthcheck.test"),
        (12, "topology.nodes.b.kind"),
        (15, "topology.links[0]"),
        (16, "topology.links[1].endpoints[1]"),
        (17, "topology.links[2].type"),
        (18, "topology.links[3].endpoints"),
    }


def test_what_only_docker_can_honour_is_a_warning() -> None:
    topology = parse_topology(
        "name: w\nmgmt: {network: x}\ntopology:\n  nodes:\n    a: {kind: linux, image: appliance-lab, cpu: 2,\n"
        "        memory: 1G, ports: [80:80], network-mode: bridge}\n",
        "w.clab.yml",
    )
    assert [notice.where for notice in topology.notices] == ["w.clab.yml:2"] + ["w.clab.yml:5"] * 4
    assert all(any(key in notice.message for notice in topology.notices) for key in ("mgmt", "cpu", "memory", "ports"))


def test_an_end_belongs_to_one_link() -> None:
    text = SMALL + '    - endpoints: ["a:eth1", "b:eth2"]\n'
    assert faults_of(text) == [(8, "topology.links[1]", "a:eth1 ends two links")]


def test_nodes_do_not_wait_in_a_circle() -> None:
    text = """\
name: circle
topology:
  defaults: {kind: linux, image: appliance-lab}
  nodes:
    a: {stages: {create: {wait-for: [{node: b, stage: healthy}]}}}
    b: {stages: {configure: {wait-for: [{node: a, stage: create}]}}}
"""
    ((_line, _key, message),) = faults_of(text)
    assert "a (create)" in message
    assert "b (healthy)" in message


def test_stages_may_wait_for_one_another() -> None:
    node = node_a(
        "      healthcheck: {test: [CMD-SHELL, 'test -e /x'], interval: 1}\n"
        "      stages:\n"
        "        configure: {exec: {on-enter: [one two]}}\n"
        "        healthy: {exec: [{command: three, phase: on-exit}]}\n"
        "    b:\n      kind: linux\n      image: appliance-lab\n"
        "      stages: {create: {wait-for: [{node: a, stage: healthy}]}}\n"
    )
    a, b = node.nodes
    assert a.healthcheck is not None
    assert a.healthcheck.test == ("/bin/sh", "-c", "test -e /x")
    assert a.stages["configure"].on_enter == (("one", "two"),)
    assert a.stages["healthy"].on_exit == (("three",),)
    assert [(wait.node, wait.stage) for wait in b.stages["create"].wait_for] == [("a", "healthy")]


def test_links_are_made_straight_in_the_nodes() -> None:
    topology = parse_topology(
        """\
name: wires
topology:
  defaults: {kind: linux, image: appliance-lab}
  nodes: {a: null, sw: {kind: bridge}}
  links:
    - type: veth
      mtu: 1500
      endpoints:
        - {node: a, interface: eth1, mac: "02:00:00:00:00:01", ipv4: 192.0.2.1/24, ipv6: "2001:db8::1/64"}
        - {node: sw, interface: p1}
""",
        "x.clab.yml",
    )
    assert render_links(topology.links, {"a": 11, "sw": 22}) == (
        "link add name eth1 mtu 1500 address 02:00:00:00:00:01 netns 11 type veth peer name p1 mtu 1500 netns 22\n"
    )
    assert render_ends("a", None, topology.links) == (
        "address add 192.0.2.1/24 dev eth1\naddress add 2001:db8::1/64 dev eth1\nlink set eth1 up\n"
    )
    assert render_ends("sw", "sw", topology.links) == "link set p1 master sw\nlink set p1 up\n"


def test_brief_links_take_addresses_in_order() -> None:
    text = SMALL + '      ipv4: ["192.0.2.1/30", "192.0.2.2/30"]\n      ipv6: ["", "2001:db8::2/64"]\n'
    (link,) = parse_topology(text, "x.clab.yml").links
    assert [[str(address) for address in end.addresses] for end in link.ends] == [
        ["192.0.2.1/30"],
        ["192.0.2.2/30", "2001:db8::2/64"],
    ]


def test_yaml_anchors_and_merge_keys_are_plain_yaml() -> None:
    topology = parse_topology(
        """\
name: anchors
topology:
  nodes:
    a: &base {kind: linux, image: appliance-lab, cmd: one}
    b: {<<: *base, cmd: two}
""",
        "x.clab.yml",
    )
    assert [node.command for node in topology.nodes] == [("one",), ("two",)]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [", 1), ("name: x\nname: y\n", 2), ("\ta: 1", 1), ("a: !!python/object:x {}", 1), ("a: \x00", None)],
)
def test_what_is_not_yaml_is_refused(text: str, line: int | None) -> None:
    assert faults_of(text)[0][0] == line


UNDERSTOOD = {
    *("kind", "group", "image", "cmd", "entrypoint", "exec", "binds", "env", "sysctls", "labels", "healthcheck"),
    *("startup-delay", "stages", "ports", "cpu", "memory", "network-mode"),
}


@given(st.from_regex(r"[a-z][a-z-]{2,20}", fullmatch=True).filter(lambda key: key not in UNDERSTOOD))
def test_any_other_key_is_named_with_its_line(key: str) -> None:
    found = faults_of(with_node(f"      cmd: x\n      '{key}': 1\n"))
    assert [(line, where) for line, where, _message in found] == [(8, f"topology.nodes.a.{key}")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text("ab:/.-1 ", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*UNDERSTOOD, "x"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["defaults", "kinds", "groups", "nodes", "links", "z"]), VALUES), VALUES)
def test_any_shape_is_read_or_refused(topology: object, name: object) -> None:
    try:
        parse_topology(json.dumps({"name": name, "topology": topology}), "x")
    except FaultyInput as error:
        faults = error.faults
    else:
        return
    assert faults
    assert all(fault.line for fault in faults)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(FaultyInput):
        parse_topology(text, "x")


def test_the_images_are_the_two_we_make() -> None:
    assert set(IMAGES) == {"appliance", "appliance-lab"}
