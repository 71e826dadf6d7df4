"""``appliance configure``: the main job, from a cloud's document to traffic over every tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import click

from appliance.cli.booting import keep_over_boots, plan_boot, show_boot, with_boot
from appliance.cli.gathering import Gathered, from_documents, from_intent
from appliance.cli.networks import Network, UplinkOption
from appliance.cli.options import Duration, administrators, json_option, safety_options
from appliance.cli.output import is_terminal, print_json, say
from appliance.cli.showing import ask, plan_as_data, refuse_failure, show_plan, show_step, show_todo, todo_as_data
from appliance.cli.statuses import show_status
from appliance.cli.writing import Submit, writing
from appliance.daemon.passes import make_wish, prepare, refuse_strangers, refuse_unsafe
from appliance.daemon.telling import read_status
from appliance.daemon.waiting import Waited, rekey_children, wait_until_up
from appliance.daemon.wiring import Systems, open_systems
from appliance.design.wish import Wish, profile_of
from appliance.history.revision import Down
from appliance.intent.crypto import weak_choices
from appliance.intent.merge import Said
from appliance.ipsec.charon import Listener
from appliance.model.address import IPNetwork
from appliance.model.fault import ApplianceError, Fault, SystemFailure, WrongUsage
from appliance.model.finding import Finding
from appliance.model.intent import Uplink
from appliance.model.order import Commit, Learn


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it. ``crypto`` None: ask a person, keep the document's for a script."""

    yes: bool
    dry_run: bool
    wait: float
    crypto: str | None
    allowed: tuple[str, ...]
    adopt: bool
    as_json: bool


@click.command("configure")
@click.option("--bgp", "mode", flag_value="bgp", help="Route by BGP over every tunnel.")
@click.option("--static", "mode", flag_value="static", help="Route --network by ourselves, over the best tunnel.")
@click.option("--policy", "mode", flag_value="policy", help="IPsec policies for --lan and --network; no interfaces.")
@click.option("--from", "documents", metavar="DOCUMENT", multiple=True, help="What the cloud gave you; `-` is stdin.")
@click.option("--intent", "intent_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A whole intent instead.")  # fmt: skip
@click.option("--connection", metavar="ID", help="Which one, when a document holds several.")
@click.option("--speaker", type=click.Choice(["frr", "exabgp"]), help="Who speaks BGP; a new connection: frr.")
@click.option("--name", help="What to call the connection; by default its id.")
@click.option("--lan", "lans", type=Network(), multiple=True, help="A network of ours, announced to the cloud.")
@click.option("--network", "--remote-network", "networks", type=Network(), multiple=True,
              help="A network of theirs: protected from the first moment, and the only ones routed.")  # fmt: skip
@click.option("--asn", type=click.IntRange(1, 4294967295), help="Our ASN.")
@click.option("--peer-asn", type=click.IntRange(1, 4294967295), help="The cloud's ASN.")
@click.option("--uplink", "uplinks", type=UplinkOption(), multiple=True, help="An interface to the Internet.")
@click.option("--psk", "keys", metavar="TUNNEL=file:PATH", multiple=True, help="A tunnel's key, when masked.")
@click.option("--prefer", type=click.Choice(["equal", "ordered"]), help="Among the tunnels; equal is ECMP.")
@click.option("--crypto", type=click.Choice(["document", "recommended"]), help="The document's algorithms, or stronger"
              " ones that this cloud accepts.")  # fmt: skip
@click.option("--wait", type=Duration(), default="120s", show_default=True, help="How long tunnels may take.")
@click.option("--dry-run", is_flag=True, help="Stop after the plan.")
@safety_options
@json_option
def command(
    mode: str | None,
    documents: tuple[str, ...],
    intent_file: Path | None,
    connection: str | None,
    speaker: str | None,
    name: str | None,
    lans: tuple[IPNetwork, ...],
    networks: tuple[IPNetwork, ...],
    asn: int | None,
    peer_asn: int | None,
    uplinks: tuple[Uplink, ...],
    keys: tuple[str, ...],
    prefer: str | None,
    crypto: str | None,
    wait: float,
    dry_run: bool,
    yes: bool,
    allowed: tuple[str, ...],
    adopt: bool,
    as_json: bool,
) -> None:
    """Bring up a cloud's VPN connection from the document the cloud gave you.

    Reads the document, shows a plan, asks, applies it, waits until tunnels and routes are up, rekeys each child once (a
    PFS mismatch shows now, not in an hour) and prints the status. A connection with the same id is brought up to date;
    no other is touched. When something does not come up, the reason is read from charon and FRR. At the end stands what
    is left to do on the cloud's side, as commands of its own command line.

    \b
    Examples
      appliance configure --bgp --from vpn-0123.txt --lan 172.16.20.0/24
      appliance configure --bgp --from vpn-0123.txt --asn 65010 --peer-asn 64512 \\
          --lan 172.16.20.0/24 --uplink isp1=eth0,public=203.0.113.10
      appliance configure --static --from vpn-0123.txt --lan 172.16.20.0/24 --network 10.0.0.0/16
      appliance configure --bgp --from vpn-0123.txt --crypto recommended --dry-run
      appliance configure --bgp --intent site.yaml --yes --json

    \b
    Exit codes
      0 done   1 failed, or only partly up   2 wrong usage   3 faults in the input
      4 refused by a safety rule   6 something is missing on this machine
    """
    if mode is None:
        raise WrongUsage("say how to route", hint="--bgp, --static or --policy")
    if bool(documents) == (intent_file is not None):
        raise WrongUsage("give either --from DOCUMENT or --intent FILE")
    if not (yes or dry_run or is_terminal()):
        raise WrongUsage("nothing was applied: there is nobody to ask", hint="give --yes, or --dry-run to see the plan")
    pairs = dict(_pair(key) for key in keys)
    manner = Manner(yes, dry_run, wait, crypto, allowed, adopt, as_json)
    said = Said(name=name, speaker=speaker, prefer=prefer, asn=asn, peer_asn=peer_asn, lans=lans, networks=networks,
                uplinks=uplinks, strengthen=crypto == "recommended")  # fmt: skip
    if intent_file is not None and (said != Said(speaker=speaker) or keys or connection):
        raise WrongUsage("--intent is the whole intent", hint="what documents lack goes with --from only")
    asyncio.run(_configure(documents, intent_file, connection, said, pairs, mode, manner))


async def _configure(
    documents: tuple[str, ...],
    intent_file: Path | None,
    only: str | None,
    said: Said,
    keys: dict[str, str],
    mode: str,
    manner: Manner,
) -> None:
    systems = open_systems()
    machine = await systems.kernel.machine()

    def gather(strengthen: bool) -> Gathered:
        if intent_file is not None:
            return from_intent(systems, intent_file)
        return from_documents(systems, machine, documents, only, replace(said, strengthen=strengthen), keys, mode)

    gathered = gather(said.strengthen)
    for warning in (*gathered.warnings, *(f"{n.where}: {n.message}" for n in await systems.charon.remarks())):
        say(f"note: {warning}", fg="yellow")
    if intent_file is None and _prefers_stronger(gathered, manner):
        gathered = gather(True)
    await _carry_out(systems, gathered, manner)


async def _carry_out(systems: Systems, gathered: Gathered, manner: Manner) -> None:
    """Plan, ask, apply, wait, verify."""
    seen, down = systems.store.read_intent(), _still_down(systems, gathered)
    wish = await make_wish(systems, gathered.loaded.intent, gathered.secrets, down)
    prepared = await prepare(systems, wish)
    show_plan(prepared)
    boot = await plan_boot(systems, gathered.loaded.intent)
    show_boot(boot)
    refuse_unsafe(prepared, administrators(), manner.allowed)
    if manner.dry_run:
        await refuse_strangers(systems, prepared, adopt=manner.adopt)
        if manner.as_json:
            print_json(with_boot({**plan_as_data(prepared), "todo": todo_as_data(gathered.todo)}, boot))
        else:
            show_todo(gathered.todo)
        return
    await refuse_strangers(systems, prepared, adopt=manner.adopt)
    ask("Apply this?", manner.yes)
    async with systems.charon.listen() as heard:
        with writing(systems) as submit:
            await _apply(submit, seen, gathered, down, manner)
        hindered = await keep_over_boots(systems, boot)
        waited = await _wait(systems, gathered, wish, heard, manner.wait)
    findings = [finding for one in waited for finding in one.findings]
    for connection, one in zip(gathered.connections, waited, strict=True):
        findings += await rekey_children(systems, one, connection, _say_news)
    with writing(systems) as submit:
        refuse_failure(await submit(Learn(), show_step))
    await _conclude(systems, gathered, waited, findings, hindered, manner)


def _still_down(systems: Systems, gathered: Gathered) -> Down:
    """What the operator took down, but for the connections that are configured now."""
    before, ours = systems.store.load_down(), {connection.name for connection in gathered.connections}
    return Down(before.names - ours, before.unprotected - ours)


async def _wait(
    systems: Systems, gathered: Gathered, wish: Wish, heard: Listener, patience: float
) -> tuple[Waited, ...]:
    """Each connection in turn, all within ``patience`` seconds."""
    say(f"waiting for {_names(gathered)} (up to {patience:.0f} s)")
    end = monotonic() + patience
    found = []
    for connection in gathered.connections:
        left = max(0.0, end - monotonic())
        found.append(await wait_until_up(systems, wish, connection, heard, left, _say_news))
    return tuple(found)


def _names(gathered: Gathered) -> str:
    return ", ".join(connection.name for connection in gathered.connections)


async def _apply(submit: Submit, seen: str | None, gathered: Gathered, down: Down, manner: Manner) -> None:
    """Have the files written and the changes made. It is planned again: what was shown may be a minute old."""
    order = Commit(
        gathered.loaded.text,
        f"configure {_names(gathered)}",
        seen,
        secrets=gathered.secrets,
        fresh=frozenset(gathered.fresh),
        down=down.names,
        unprotected=down.unprotected,
        adopt=manner.adopt,
    )
    made = await submit(order, show_step)
    refuse_failure(made)
    say(f"{len(made)} changes made", fg="green")


async def _conclude(
    systems: Systems,
    gathered: Gathered,
    waited: Sequence[Waited],
    findings: Sequence[Finding],
    hindered: ApplianceError | None,
    manner: Manner,
) -> None:
    status = await read_status(systems, gathered.loaded, dict(gathered.secrets))
    if not ((findings or hindered) and manner.as_json):
        show_status({**status, "todo": todo_as_data(gathered.todo)} if manner.as_json else status, manner.as_json)
    if not manner.as_json:
        show_todo(gathered.todo)
    if findings:
        useful = [state.useful for one in waited for state in one.states.values()]
        raise _partly(f"{sum(useful)} of {len(useful)} tunnels of {_names(gathered)} are up", findings)
    if hindered is not None:
        raise hindered


def _partly(message: str, findings: Sequence[Finding]) -> SystemFailure:
    """What was applied stays, and keeps trying; what does not work is named by layer and reason."""
    hint = "what was applied stays in place and keeps trying; mend the cause, or run configure again"
    error = SystemFailure(f"{message}: {findings[0].message}", hint=hint, code=findings[0].code)
    error.faults = tuple(
        Fault(finding.message, key=f"{finding.where} ({finding.layer})", fix=finding.remedy) for finding in findings
    )
    return error


def _prefers_stronger(gathered: Gathered, manner: Manner) -> bool:
    """Name weak choices, and what this cloud accepts that is stronger. A person is asked, a script is not."""
    connection = gathered.connections[0]
    profile = profile_of(connection)
    weak = {choice for tunnel in connection.tunnels for choice in weak_choices(tunnel, profile)}
    if not weak or manner.crypto is not None:
        return False
    words = sorted(f"{choice.phase} {choice.keyword}" for choice in weak)
    say(f"weak: {', '.join(words)}", fg="yellow")
    stronger = f"IKEv2, ike {profile.recommended_ike[0]}, esp {profile.recommended_esp[0]}"
    say(f"{connection.cloud} also accepts {stronger}: --crypto recommended", fg="yellow")
    if manner.yes or manner.dry_run or not is_terminal():
        return False
    return click.confirm("Use those instead?", default=False, err=True)


def _say_news(tunnel: str, news: str) -> None:
    say(f"  {tunnel}: {news}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, source = text.partition("=")
    if not (name and equals and source):
        raise WrongUsage(f"--psk {text.split('=')[0]}: write TUNNEL=file:PATH")
    return name, source
