"""First-boot data for a machine of ours: the documents, the keys and the flags of ``configure`` for cloud-init.

cloud-init writes the files before the appliance starts; its first boot then runs ``appliance configure`` with the flags
in ``/etc/appliance/configure.yaml``, a mapping of their names (https://cloudinit.readthedocs.io, module write_files).
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import click
import yaml

from appliance.cli.configure import command as configure
from appliance.model.fault import WrongUsage

ROOM = 16384
"""Bytes of user-data that AWS takes (EC2 User Guide, "Run commands when you launch an instance")."""

_HOME = PurePosixPath("/etc/appliance")
NOT_AT_BOOT = frozenset({"documents", "intent_file", "dry_run", "as_json", "yes"})
_HEAD = "#cloud-config\n# It holds pre-shared keys: whoever may read an instance's user-data has them.\n"


def compose_user_data(documents: Sequence[tuple[str, bytes]], flags: Sequence[str]) -> str:
    """The ``#cloud-config``. Documents and keys are packed when it would be too long for ``ROOM`` otherwise. Raises
    click's errors for flags that ``configure`` does not have, WrongUsage for those with no sense at a first boot."""
    names = _names(documents)
    settings, keys = _settings(flags)
    settings = {"from": [str(_HOME / "documents" / name) for name in names], **settings}
    files = {_HOME / "documents" / name: content for name, (_, content) in zip(names, documents, strict=True)}
    files |= {_HOME / "secrets" / name: content for name, content in keys.items()}
    files[_HOME / "configure.yaml"] = yaml.safe_dump(settings, sort_keys=False).encode()
    plain = _cloud_config(files, packed=False)
    return plain if len(plain.encode()) <= ROOM else _cloud_config(files, packed=True)


def _names(documents: Sequence[tuple[str, bytes]]) -> list[str]:
    """File names of their own, whatever folders the documents come from."""
    made: list[str] = []
    for path, _ in documents:
        name = Path(path).name if path != "<stdin>" else "document"
        made.append(name if name not in made else f"{len(made) + 1}-{name}")
    return made


def _settings(flags: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The flags by their long names, as written, and the files of keys they name; checked as ``configure`` would."""
    given = list(flags)
    with configure.make_context("configure", list(given)) as context:
        written, strange, _ = configure.make_parser(context).parse_args(args=given)
    if strange:
        raise WrongUsage(f"{strange[0]} is neither a document nor a flag of configure", hint="documents come first")
    settings: dict[str, Any] = {}
    keys: dict[str, bytes] = {}
    for option in configure.params:
        value = written.get(str(option.name))
        if not isinstance(option, click.Option) or value is None:
            continue
        if option.is_flag and value not in (True, option.flag_value):
            continue  # another one of the flags that share a name
        if option.name in NOT_AT_BOOT:
            raise WrongUsage(f"{option.opts[0]} makes no sense at a first boot")
        settings[option.opts[0].removeprefix("--")] = True if option.is_flag else value
    if not settings.keys() & {"bgp", "static"}:
        raise WrongUsage("a first boot needs --bgp or --static: nobody is there to ask", hint="after the documents")
    if "psk" in settings:
        settings["psk"] = [_moved(word, keys) for word in settings["psk"]]
    return settings, keys


def _moved(word: str, keys: dict[str, bytes]) -> str:
    """``TUNNEL=file:PATH`` with the path that the key will have there."""
    tunnel, _, source = word.partition("=file:")
    if not source:
        raise WrongUsage(f"--psk {tunnel.partition('=')[0]}=...: give a file", hint="--psk TUNNEL=file:PATH")
    try:
        keys[f"{tunnel}.psk"] = Path(source).read_bytes()
    except OSError as error:
        raise WrongUsage(f"--psk {tunnel}: {source}: {error.strerror}", hint="a file with the key only") from None
    return f"{tunnel}=file:{_HOME / 'secrets' / tunnel}.psk"


def _cloud_config(files: Mapping[PurePosixPath, bytes], packed: bool) -> str:
    entries = [{"path": str(path), "permissions": "0600", **_content(data, packed)} for path, data in files.items()]
    return _HEAD + yaml.dump({"write_files": entries}, Dumper=_Dumper, sort_keys=False, width=1000)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are, so that people can read what they hand over."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _content(data: bytes, packed: bool) -> dict[str, str]:
    """As text where it is one and nothing is to be saved; packed the same way every time."""
    if packed:
        return {"encoding": "gz+b64", "content": base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"encoding": "b64", "content": base64.b64encode(data).decode()}
    return {"content": text}
