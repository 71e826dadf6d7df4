"""``appliance lab``: labs of namespaces from containerlab topologies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import appliance
from appliance.cli.output import print_json, say
from appliance.lab.backends import Backend, Here, default_backend
from appliance.lab.checks import LabReport, Manner
from appliance.lab.topology import Topology, parse_topology
from appliance.lab.vm import InGuest
from appliance.model.fault import Fault, FaultyInput, WrongUsage

REPO = Path(appliance.__file__).resolve().parent.parent
LABS = REPO / "labs"
FAILURES = REPO / "build" / "lab-failures"
BACKENDS = ("vm", "here", "containerlab")
SPEAKERS = ("frr", "exabgp")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout.")
backend_option = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="vm: a guest of our own; here: this kernel, as root; containerlab: with Docker.",
)
root_option = click.option("--files-root", type=click.Path(path_type=Path), hidden=True)


@click.group("lab")
def command() -> None:
    """Deploy labs of network nodes, look into them, check them, take them down.

    A lab is a containerlab topology: a NAME of the labs that come with this project, or a FILE of your own.
    """


@command.command("list")
@backend_option
@json_option
def list_labs(backend: str | None, as_json: bool) -> None:
    """List the labs there are, and the ones that are up."""
    running = [lab for place in _places(backend) for lab in place.labs()]
    if as_json:
        print_json({"labs": [_known(name, running) for name in lab_names()], "running": running})
        return
    for name in lab_names():
        click.echo(f"{name:24} {_known(name, running)['state']}")
    for lab in (lab for lab in running if lab["name"] not in lab_names()):
        click.echo(f"{lab['name']:24} up  {lab['file']}")


@command.command()
@click.argument("lab", metavar="NAME|FILE")
@backend_option
@root_option
@json_option
def up(lab: str, backend: str | None, files_root: Path | None, as_json: bool) -> None:
    """Deploy a lab. It stays up until `lab down`, or until its guest has been idle for 15 minutes."""
    file, topology = read_lab(lab)
    done = _place(backend, files_root).up(topology, file)
    failed = [result for result in done["exec"] if result["exit"]]
    if as_json:
        print_json(done)
    else:
        say(
            f"lab {topology.name} is up: {len(topology.nodes)} nodes, {len(topology.links)} links. "
            f"Look into it: appliance lab exec --lab {topology.name} NODE -- COMMAND"
        )
    for result in failed:
        say(f"{result['node']}: {' '.join(result['command'])!r} ended with {result['exit']}", fg="red")
    sys.exit(1 if failed else 0)


@command.command("exec", context_settings={"ignore_unknown_options": True})
@click.option("--lab", help="Which lab, when several are up.")
@backend_option
@click.argument("node")
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(lab: str | None, backend: str | None, node: str, words: Sequence[str]) -> None:
    """Run a command in a node; streams and exit code pass through."""
    sys.exit(_place(backend).execute(lab, node, words))


@command.command()
@click.argument("labs", metavar="NAME|FILE...", nargs=-1, required=True)
@click.option("--keep", is_flag=True, help="Leave a lab up when a check fails.")
@click.option("--quick", is_flag=True, help="Leave out the checks that a lab sets apart as long.")
@click.option("--speaker", type=click.Choice(SPEAKERS), help="Who speaks BGP on the appliance of a BGP lab.")
@click.option("--failures", type=click.Path(path_type=Path), default=FAILURES, hidden=True)
@backend_option
@root_option
@json_option
def run(
    labs: Sequence[str],
    keep: bool,
    quick: bool,
    speaker: str | None,
    failures: Path,
    backend: str | None,
    files_root: Path | None,
    as_json: bool,
) -> None:
    """Deploy each lab, run its checks, take it down. `all`: every lab of this project."""
    names = lab_names() if list(labs) == ["all"] else labs
    wanted = [read_lab(name) for name in names]
    place, manner = _place(backend, files_root, failures), Manner(keep, quick, speaker)
    reports = [_run_one(place, file, topology, manner, told=files_root is None) for file, topology in wanted]
    if as_json:
        print_json({"labs": [report.as_json() for report in reports]})
    sys.exit(0 if all(report.passed for report in reports) else 1)


@command.command()
@click.argument("lab", metavar="[NAME|FILE]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every lab, and the guest.")
@click.option("--keep-guest", is_flag=True, help="Leave the guest running for the next lab, until it is idle.")
@backend_option
@json_option
def down(lab: str | None, everything: bool, keep_guest: bool, backend: str | None, as_json: bool) -> None:
    """Take a lab down, whatever state it is in (none: that is no error); the guest ends with its last lab."""
    places = _places(backend)
    names = [name for place in places for name in place.names()]
    if lab is not None:
        names = [read_lab(lab)[1].name if lab.endswith((".yml", ".yaml")) else lab]
    elif not everything and len(names) > 1:
        raise WrongUsage(f"several labs are up: {', '.join(names)}", hint="say which, or --all")
    gone = [name for name in names for place in places if place.down(name)]
    ended = any(_end_guest(place, everything) for place in places if not keep_guest)
    if as_json:
        print_json({"down": gone, "guest_ended": ended})
    else:
        say(f"down: {', '.join(gone) or 'nothing was up'}" + ("; the guest has ended" if ended else ""))


def _end_guest(place: Backend, everything: bool) -> bool:
    """The guest goes with its last lab, unless somebody else is using it."""
    if not isinstance(place, InGuest) or not place.guest.running():
        return False
    if not everything and (place.names() or place.is_busy()):
        return False
    place.guest.stop()
    return True


def _places(backend: str | None) -> list[Backend]:
    """Where labs may be up: everywhere, unless one backend is named."""
    if backend:
        return [_place(backend)]
    return [_place("vm"), _place("here")] if default_backend() == "vm" else [_place("here")]


def _place(backend: str | None, files_root: Path | None = None, failures: Path = FAILURES) -> Backend:
    chosen = backend or default_backend()
    if chosen == "containerlab":
        from appliance.lab.containerlab import Containers

        return Containers(_progress)
    return Here(_progress, failures, files_root) if chosen == "here" else InGuest(REPO, _progress, failures)


def _progress(line: str) -> None:
    say(f"  {line}")


def lab_names() -> list[str]:
    """The labs of this project: folders that hold a topology of their own name."""
    return sorted(path.parent.name for path in LABS.glob("*/*.clab.yml") if path.name == f"{path.parent.name}.clab.yml")


def read_lab(lab: str) -> tuple[Path, Topology]:
    """The topology a NAME or FILE stands for; what it asks for in vain is said on stderr."""
    file = Path(lab) if lab.endswith((".yml", ".yaml")) else LABS / lab / f"{lab}.clab.yml"
    if not file.is_file():
        raise WrongUsage(f"there is no lab {lab}", hint=f"labs: {', '.join(lab_names()) or 'none'}; or a FILE.clab.yml")
    file = file.resolve()
    try:
        topology = parse_topology(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise FaultyInput(f"{file} cannot be read", faults=(Fault(f"not UTF-8: {error.reason}", str(file)),)) from None
    for notice in topology.notices:
        say(f"warning: {notice.where}: {notice.message}", fg="yellow")
    return file, topology


def _known(name: str, running: Sequence[Any]) -> dict[str, Any]:
    up_now = any(lab["name"] == name for lab in running)
    return {"name": name, "file": str(LABS / name / f"{name}.clab.yml"), "state": "up" if up_now else "down"}


def _run_one(place: Backend, file: Path, topology: Topology, manner: Manner, told: bool) -> LabReport:
    """``told``: people hear of it here; a guest's run is told by the host that asked for it."""
    if told:
        say(f"lab {topology.name}", bold=True)
    report = place.run(topology, file, manner)
    if told:
        good = sum(check.passed for check in report.checks)
        say(
            f"lab {report.name}: {good} of {len(report.checks)} checks passed in {report.seconds:.0f} s",
            fg="green" if report.passed else "red",
            bold=True,
        )
    if told and report.kept:
        say(f"  captures, logs and state are in {report.kept}")
    return report
