"""``appliance render``: what would be written, offline and without any privilege."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.options import json_option
from appliance.cli.output import print_json, say
from appliance.daemon.passes import parse_loaded
from appliance.daemon.wiring import read_templates
from appliance.design.compose import compose
from appliance.design.wish import Wish
from appliance.ipsec.connections import render_swanctl
from appliance.model.fault import WrongUsage
from appliance.model.resources import ExabgpConfig, FirewallTable, FrrConfig, IkeConnection, Resource, SharedKey

FILES = {"swanctl": "swanctl.conf", "frr": "frr.conf", "exabgp": "exabgp.conf", "nft": "appliance.nft"}


@click.command("render")
@click.argument("file", default="/etc/appliance/intent.yaml", type=click.Path(path_type=Path))
@click.option("--target", type=click.Choice([*FILES, "all"]), default="all", show_default=True)
@click.option("-o", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write files into DIR.")
@json_option
def command(file: Path, target: str, folder: Path | None, as_json: bool) -> None:
    """Print what charon, FRR or ExaBGP, and nftables would be told for an intent. No key is read or written.

    \b
    Examples
      appliance render site.yaml --target frr
      appliance render site.yaml -o /tmp/rendered
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read: {error}", hint="name an intent file") from None
    desired = compose(Wish(parse_loaded(text, str(file)).intent, read_templates()))
    texts = render_all(desired)
    spoken = [name for name in FILES if name != "exabgp" or texts[name]]
    chosen = {name: texts[name] for name in (spoken if target == "all" else (target,))}
    if folder is not None:
        _write(folder, chosen)
    if as_json:
        print_json({"files": {FILES[name]: content for name, content in chosen.items()}})
    elif folder is None:
        for name, content in chosen.items():
            click.echo(f"# {FILES[name]}" if len(chosen) > 1 else "", nl=len(chosen) > 1)
            click.echo(content)


def render_all(desired: frozenset[Resource]) -> dict[str, str]:
    """Each target's text."""
    ikes = sorted((r for r in desired if isinstance(r, IkeConnection)), key=lambda ike: ike.name)
    keys = sorted((r for r in desired if isinstance(r, SharedKey)), key=lambda key: key.id)
    return {
        "swanctl": render_swanctl(ikes, keys),
        "frr": "".join(resource.text for resource in desired if isinstance(resource, FrrConfig)),
        "exabgp": "".join(resource.text for resource in desired if isinstance(resource, ExabgpConfig)),
        "nft": "".join(resource.text for resource in desired if isinstance(resource, FirewallTable)),
    }


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in texts.items():
        (folder / FILES[name]).write_text(content, encoding="utf-8")
        say(f"{folder / FILES[name]}")
