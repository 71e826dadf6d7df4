"""From the document to a server that joins its private network with the VPC, and takes it to the Internet."""

from __future__ import annotations

from checking import check, node, wait_for
from measuring import send_stream, start_programs, start_services, watching
from observing import sas
from scene import (
    FIRST,
    HOST,
    LAN,
    OUTSIDE,
    PRIVATE,
    PUBLIC,
    SECOND,
    SERVER_IN_LAN,
    SOMEWHERE,
    appliance,
    carries,
    complete_the_intent,
    configure,
    probes_are,
    told,
    wait_until_carries,
)

STRANGERS = (
    ("nft add table ip somebody; nft add chain ip somebody things; nft add rule ip somebody things counter",
     "nft list table ip somebody"),
    ("ip route add blackhole 198.18.0.0/15 table 100", "ip route show table 100"),
    ("ip rule add from 198.18.0.1 lookup 100 priority 100", "ip rule show priority 100"),
)  # fmt: skip
"""What somebody else has on this server, in the very places in which scripts for it like to put theirs."""


def strangers() -> list[str]:
    return [node("gw").shell(look).out for _deed, look in STRANGERS]


BEFORE: list[str] = []
"""What they had when the appliance came."""


@check(timeout=300)
def far_ends_are_ready() -> None:
    """Both tunnel ends have loaded their connection, the VPC host serves, and somebody else uses this server too."""
    for name in ("aws1", "aws2"):
        loaded = node(name).run("swanctl", "--list-conns").out
        assert "vpc: IKEv1/2" in loaded, loaded
    start_services("vpc")
    start_programs("internet", ("stream.py", "echo"))
    for deed, _look in STRANGERS:
        node("gw").shell(deed)
    BEFORE.extend(strangers())
    assert all(BEFORE), BEFORE


@check(timeout=300)
def one_command_brings_both_tunnels_up() -> None:
    """`configure --static` behind a NAT ends with 0: both tunnels up under the public identity, the first carries."""
    done = configure()
    assert done.code == 0, f"configure ended with {done.code}: {(done.out + done.err).strip()[-600:]}"
    if not done.json()["healthy"]:  # a machine that is starved loses probes
        wait_for(lambda: appliance("status")["healthy"], 60, f"more than {done.json()['why']}", every=1)
    for sa in sas("gw"):
        found = (sa["local-host"], sa["local-id"], sa["remote-port"])
        assert found == ("192.168.1.3", PUBLIC, "4500"), found
    wait_until_carries(FIRST)
    wait_for(lambda: told()[SECOND.remote]["state"] == "standby", 60, "the second tunnel to stand by")


@check(timeout=300)
def the_rest_of_the_intent() -> None:
    """The operator adds a host of the VPC to ask, masquerading, and the server's own source; the host answers."""
    complete_the_intent()
    wait_for(lambda: probes_are("up"), 40, f"{HOST} to answer over both tunnels")
    assert carries(FIRST)


@check(timeout=300)
def every_host_of_the_lan_reaches_the_vpc_as_itself() -> None:
    """Packets of two LAN hosts come to the VPC with their own sources, encrypted outside, and are answered."""
    filters = {"lan": f"src net {LAN} and udp", "others": f"udp port 7000 and not net {LAN}"}
    with (
        watching("internet", OUTSIDE, private=PRIVATE) as outside,
        watching("vpc", ("eth1", "eth2"), **filters) as arrived,
    ):
        results = [send_stream(name, HOST, "--flows", "4", "--seconds", "2") for name in ("lan", "server")]
    assert not sum(result["lost"] for result in results), results
    assert arrived.counts["lan"] >= sum(result["sent"] for result in results), arrived.counts
    assert not arrived.counts["others"], arrived.counts
    assert not outside.counts["private"], outside.packets


@check(timeout=300)
def the_server_itself_reaches_the_vpc() -> None:
    """Its own packets are known in the VPC by its address in the LAN, whichever of its addresses sends them."""
    filters = {"own": f"icmp[icmptype] = icmp-echo and src host {SERVER_IN_LAN} and greater 100"}
    with watching("vpc", ("eth1", "eth2"), **filters) as arrived:
        for options in ((), ("-I", SERVER_IN_LAN)):
            node("gw").run("ping", "-c", "2", "-W", "2", "-s", "200", *options, HOST)
    assert arrived.counts["own"] >= 4, f"{arrived.counts['own']} of 4 echo requests came from {SERVER_IN_LAN}"


@check(timeout=300)
def the_lan_reaches_the_internet_translated() -> None:
    """A LAN host's packets to the Internet leave with the server's source, none with its own."""
    with watching("internet", OUTSIDE, private=PRIVATE, translated="src host 192.168.1.3 and udp port 7000") as seen:
        result = send_stream("lan", SOMEWHERE, "--seconds", "2")
    assert not result["lost"], result
    assert seen.counts["translated"] >= result["sent"], seen.counts
    assert not seen.counts["private"], seen.packets
