"""``appliance tunnel``: operate one tunnel without touching another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import click

from appliance.cli.keys import change_key, read_key, rotate_key
from appliance.cli.operations import Patience, drain_tunnel, restart_tunnel, switch_tunnel, undrain_tunnel
from appliance.cli.options import Duration, json_option
from appliance.cli.output import print_json
from appliance.daemon.wiring import open_systems

F = TypeVar("F", bound=Callable[..., Any])


@click.group("tunnel")
def command() -> None:
    """Operate one tunnel without touching another.

    Each is refused (exit 4) where it would take away the last tunnel of a connection that works. What is drained or
    switched stays so over restarts and reboots, until it is taken back.

    \b
    Examples
      appliance tunnel drain vpc-1 --for 2h --wait    before work on its path
      appliance tunnel undrain vpc-1
      appliance tunnel rotate-psk vpc-1               a new key, on both sides
    """


def _options(timeout: str, what: str) -> Callable[[F], F]:
    """What every one of them takes."""

    def decorate(verb: F) -> F:
        for option in (
            json_option,
            click.option("--timeout", type=Duration(), default=timeout, show_default=True, help=what),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--allow", "allowed", metavar="RULE", multiple=True,
                         help="Override one safety rule by its name."),
        ):  # fmt: skip
            verb = option(verb)
        return click.argument("name")(verb)

    return decorate


@command.command("drain")
@_options("120s", "How long --wait listens at most.")
@click.option("--for", "span", type=Duration(), help="Use it again by itself after TIME, as in 2h.")
@click.option("--wait", is_flag=True, help="Wait until the cloud sends nothing over it any more; 1 when it still does.")
def drain(
    name: str, span: float | None, wait: bool, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool
) -> None:
    """Take the tunnel NAME out of use while the others carry: before work on its path or at its far end.

    First what we send leaves by the other tunnels. Then, where BGP is spoken, the cloud is told worse attributes over
    it (MED, a longer AS path, the graceful-shutdown community of RFC 8326), so that it sends over the others too. The
    tunnel itself stays up, and what still comes in is taken. At the end it says whether the cloud still sends. A
    drained tunnel stays drained over a reboot; when every other one dies it carries all the same.

    \b
    Examples
      appliance tunnel drain vpc-1
      appliance tunnel drain vpc-1 --for 2h --wait
      appliance tunnel drain vpc-1 --wait --timeout 5m --json | jq .cloud.sends

    \b
    Exit codes
      0 done   1 the cloud still sends (--wait)   2 wrong usage
      4 it is the last that works (--allow last-tunnel)   6 the daemon does not run
    """
    _finish(drain_tunnel(open_systems(), name, span, wait, Patience(timeout, allowed)), as_json)


@command.command("undrain")
@_options("20s", "How long it may take until the tunnel carries or stands by.")
def undrain(name: str, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool) -> None:
    """Use the tunnel NAME again, for what we send and for what the cloud sends.

    \b
    Examples
      appliance tunnel undrain vpc-1
      appliance tunnel undrain vpc-1 --json | jq -r .state

    \b
    Exit codes
      0 it is in use, or waits until it works   2 wrong usage   6 the daemon does not run
    """
    _finish(undrain_tunnel(open_systems(), name, Patience(timeout, allowed)), as_json)


@command.command("switch")
@_options("20s", "How long the switch may take.")
@click.option("--back", is_flag=True, help="No longer: the best tunnel carries again.")
def switch(name: str, back: bool, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool) -> None:
    """Let the tunnel NAME carry for its connection as long as it works, instead of the one that is ranked best.

    For connections with `prefer: ordered` (the default without BGP); where all tunnels carry together, drain those
    that should not. When NAME fails, another one takes over as ever. It holds over a reboot.

    \b
    Examples
      appliance tunnel switch vpc-2
      appliance tunnel switch vpc-2 --back

    \b
    Exit codes
      0 done   1 it does not carry yet   2 wrong usage   4 it does not work (--allow not-working)   6 no daemon
    """
    _finish(switch_tunnel(open_systems(), name, back, Patience(timeout, allowed)), as_json)


@command.command("restart")
@_options("60s", "How long the new negotiation may take.")
@click.option("--at-once", is_flag=True, help="Do not move traffic to the other tunnels first.")
def restart(name: str, at_once: bool, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool) -> None:
    """Close the IKE and child SAs of the tunnel NAME and negotiate them anew; no other tunnel is touched.

    With the daemon at work traffic is moved to the other tunnels first, and back when the tunnel is up.

    \b
    Examples
      appliance tunnel restart vpc-1
      appliance tunnel restart vpc-1 --at-once --json

    \b
    Exit codes
      0 up again   1 not up in time, with the reason   2 wrong usage
      4 it is the last that works (--allow last-tunnel)   6 charon does not run
    """
    _finish(restart_tunnel(open_systems(), name, at_once, Patience(timeout, allowed)), as_json)


@command.command("set-psk")
@_options("60s", "How long the new authentication may take.")
def set_psk(name: str, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool) -> None:
    """Give the tunnel NAME another pre-shared key, and authenticate anew with it. The cloud has it already, or gets it
    now: see rotate-psk for both in one.

    The key is asked for twice and not shown, or read from standard input: it is never an argument, in no log and in no
    plan. It is kept in the folder of secrets, readable by root alone. With the daemon at work traffic is moved to the
    other tunnels first, and back when the tunnel is up.

    \b
    Examples
      appliance tunnel set-psk vpc-1
      appliance tunnel set-psk vpc-1 < key.txt

    \b
    Exit codes
      0 up with the new key   1 not up in time, with the reason; the new key stays   2 wrong usage
      3 no key for this cloud   4 it is the last that works (--allow last-tunnel)   6 charon does not run
    """
    systems = open_systems()
    _finish(change_key(systems, name, read_key(name), Patience(timeout, allowed)), as_json)


@command.command("rotate-psk")
@_options("30m", "How long the cloud may take to have the new key.")
@click.option("--key-from-stdin", "given", is_flag=True, help="Take the new key from standard input, do not draw one.")
def rotate_psk(name: str, given: bool, allowed: tuple[str, ...], yes: bool, timeout: float, as_json: bool) -> None:
    """Change the pre-shared key of the tunnel NAME on both sides while the other tunnels carry.

    Drains it and waits until the cloud sends nothing over it; draws a new key and puts it in place; prints the cloud's
    command; waits until the tunnel is up with the new key, rekeys its child to be sure, and uses it again. When the
    cloud does not get the key in time, the old one is put back. The key itself is never shown: the command takes it
    from the file of secrets.

    \b
    Examples
      appliance tunnel rotate-psk vpc-1
      appliance tunnel rotate-psk vpc-1 --timeout 2h --yes --json
      appliance tunnel rotate-psk vpc-1 --yes --key-from-stdin < key.txt

    \b
    Exit codes
      0 both sides have the new key   1 failed, with what is left to do   2 wrong usage   3 no key for this cloud
      4 the last that works (--allow last-tunnel), or the cloud still sends (--allow cloud-still-sends)
      5 the old key was put back   6 the daemon does not run
    """
    systems = open_systems()
    key = read_key(name) if given else None
    _finish(rotate_key(systems, name, key, yes, Patience(timeout, allowed)), as_json)


def _finish(work: Any, as_json: bool) -> None:
    result = asyncio.run(work)
    if as_json:
        print_json(result)
