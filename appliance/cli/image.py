"""``appliance image``: build the machine image, check one, try one in QEMU."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from pathlib import Path

import click

import appliance
from appliance.cli.options import json_option
from appliance.cli.output import print_json, say
from appliance.image.machine import FIRMWARE, Trial, render_words
from appliance.image.recipe import build_image, find_root, read_manifest, start_machine, verify_image
from appliance.lab.machine import accelerators, processor_words, qemu_major, qemu_program

REPO = Path(appliance.__file__).resolve().parent.parent
OUT = REPO / "build" / "image"
DEVELOPMENT = "signed with a development key: who built it, this does not tell"
BROKEN_SECONDS = 20.0
"""No machine has come up, and ended, in less."""
NO_CLOUD = "instance-id: trial\nlocal-hostname: appliance\n"

folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=OUT)
public_option = click.option("--public", type=click.Path(path_type=Path, exists=True, dir_okay=False),
                             help="Whose signature it must be: an OpenSSH public key.")  # fmt: skip


@click.group("image")
def command() -> None:
    """The appliance as a machine image: Debian 13 with a root that is checked block by block, for QEMU and clouds."""


@command.command()
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=OUT, help="Where it goes.")
@click.option("--key", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="An OpenSSH private key that signs it; without one a development key does.")  # fmt: skip
@click.option("--lock", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="An image's manifest: its disk again, from the same packages and wheels.")  # fmt: skip
@json_option
def build(out: Path, key: Path | None, lock: Path | None, as_json: bool) -> None:
    """Build the disk image, as raw and as qcow2, and the containers, with manifest, SBOM, sums and signature. A few
    minutes, as root or as a user with ids of his own to map (subuid(5))."""
    made = build_image(REPO, out, key, lock)
    if as_json:
        print_json({"folder": str(made), "files": sorted(path.name for path in made.iterdir() if path.is_file())})
    else:
        say(f"the image is in {made}; try it: appliance image boot", fg="green")


@command.command()
@folder_argument
@public_option
@json_option
def verify(folder: Path, public: Path | None, as_json: bool) -> None:
    """Check an image's signature, sums and architecture. Without --public the signature may be anybody's."""
    checked = verify_image(folder, public, platform.machine())
    development = read_manifest(folder).development
    if as_json:
        known = {"signed_by_known_key": public is not None, "development_key": development}
        print_json({"folder": str(folder), "checked": checked, **known})
        return
    say(f"{folder}: {', '.join(checked)} are what was signed", fg="green")
    if development:
        say(DEVELOPMENT, fg="yellow")
    elif public is None:
        say("by whom, this does not tell: --public KEY does", fg="yellow")


@command.command()
@folder_argument
@public_option
@click.option("--user-data", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="For its first boot, as `appliance import --user-data` prints it.")  # fmt: skip
@click.option("--uefi", is_flag=True, help="Boot by UEFI; otherwise by BIOS.")
@click.option("--card", "cards", multiple=True, metavar="NETDEV", help="A network card, in QEMU's words; several.")
def boot(folder: Path, public: Path | None, user_data: Path | None, uefi: bool, cards: tuple[str, ...]) -> None:
    """Boot an image in QEMU, its serial console on this terminal (Ctrl-A X ends it).

    It is checked before, and its disk is a throw-away copy.
    """
    verify_image(folder, public, platform.machine())
    if read_manifest(folder).development:
        say(DEVELOPMENT, fg="yellow")
    tools = None if qemu_major() >= 9 else find_root(REPO, "tools").parent
    program, environment = qemu_program(tools)
    with tempfile.TemporaryDirectory(prefix="appliance-seed-") as seed:
        if user_data is not None:
            shutil.copy(user_data, Path(seed) / "user-data")
            (Path(seed) / "meta-data").write_text(NO_CLOUD)
        trial = Trial(
            folder / "appliance.raw",
            firmware=find_root(REPO, "workbench") / FIRMWARE if uefi else None,
            seed=Path(seed) if user_data is not None else None,
            cards=cards or ("user,restrict=on",),
            console="mon:stdio",
            keep=False,
        )
        raise click.exceptions.Exit(_start(program, render_words(trial), environment))


def _start(program: list[str], words: list[str], environment: dict[str, str]) -> int:
    """Run the machine; QEMU's exit code. Where KVM may be opened and runs nothing, QEMU fails at once: then without."""
    first, *others = accelerators(None)
    begun = time.monotonic()
    code = start_machine(program, [*processor_words(first), *words], environment)
    if code == 0 or first == others[0] or time.monotonic() - begun > BROKEN_SECONDS:
        return code
    say("KVM does not run here: emulated instead, which takes longer", fg="yellow")
    return start_machine(program, [*processor_words(others[0]), *words], environment)
