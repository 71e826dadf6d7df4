"""Door to the image recipe of a checkout, to the papers of a built image, and to the emulator that tries it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance.image.papers import SIGNATURE, SPACE, SUMS, Manifest, parse_manifest, parse_sums
from appliance.model.fault import Fault, FaultyInput, SystemFailure, SystemLacks

CHUNK = 1 << 20


def build_image(repo: Path, out: Path, key: Path | None, lock: Path | None = None) -> Path:
    """Run the recipe; what it does goes to stderr. ``lock``: the manifest of an image to build again. SystemLacks
    outside a checkout."""
    recipe = repo / "images" / "disk.py"
    if not recipe.exists():
        raise SystemLacks("no recipe for an image here", hint="run from a checkout of the project")
    words = [sys.executable, str(recipe), str(out), *(["--key", str(key)] if key else [])]
    words += ["--lock", str(lock)] if lock else []
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemFailure("the image was not built", hint="the last command above says why")
    return Path(done.stdout.strip().splitlines()[-1])


def find_root(repo: Path, name: str) -> Path:
    """A root that the recipe supplies (``workbench``: disk tools and UEFI), built when missing."""
    words = [sys.executable, str(repo / "images" / "disk.py"), "--where", name]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemFailure(f"the root {name} was not built", hint="the last command above says why")
    return Path(done.stdout.strip().splitlines()[-1]) / "root"


def verify_image(folder: Path, public: Path | None, arch: str) -> tuple[str, ...]:
    """Check signature, sums and architecture; the names of the files checked. FaultyInput lists everything wrong.
    ``public``: whose signature it must be (an OpenSSH public key); None: any, then it proves nothing about who made it.
    """
    faults = [*_signature_faults(folder, public), *_arch_faults(folder, arch)]
    sums = parse_sums(_read(folder / SUMS), str(folder / SUMS))
    faults += [fault for name, expected in sums.items() if (fault := _sum_fault(folder / name, expected))]
    if faults:
        raise FaultyInput(f"{folder} is not an image to trust", hint="fetch it again", faults=tuple(faults))
    return tuple(sums)


def read_manifest(folder: Path) -> Manifest:
    """What an image says of itself; FaultyInput when it cannot be read."""
    return parse_manifest(_read(folder / "manifest.json"), str(folder / "manifest.json"))


def start_machine(program: Sequence[str], words: Sequence[str], environment: dict[str, str]) -> int:
    """Run QEMU in the foreground; its exit code."""
    return subprocess.run([*program, *words], env={**os.environ, **environment}, check=False).returncode


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fault = Fault("cannot be read", file=str(path), found=str(error))
        raise FaultyInput(f"{path.parent} is no built image", hint="appliance image build", faults=(fault,)) from None


def _signature_faults(folder: Path, public: Path | None) -> list[Fault]:
    if shutil.which("ssh-keygen") is None:
        raise SystemLacks("the program ssh-keygen is not installed", hint="apt install openssh-client")
    check = ["check-novalidate", "-n", SPACE, "-s", str(folder / SIGNATURE)]
    with tempfile.NamedTemporaryFile("w") as signers:
        if public is not None:
            signers.write(f'appliance namespaces="{SPACE}" {_read(public)}\n')
            signers.flush()
            check = ["verify", "-I", "appliance", "-f", signers.name, *check[1:]]
        done = subprocess.run(
            ["ssh-keygen", "-Y", *check], input=_read(folder / SUMS).encode(), capture_output=True, check=False
        )
    if done.returncode == 0:
        return []
    said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    return [Fault("the signature does not fit", file=str(folder / SIGNATURE), found=said[-1] if said else None)]


def _arch_faults(folder: Path, arch: str) -> list[Fault]:
    found, path = read_manifest(folder).arch, str(folder / "manifest.json")
    return [] if found == arch else [Fault("made for another architecture", file=path, found=found, allowed=arch)]


def _sum_fault(path: Path, expected: str) -> Fault | None:
    import hashlib

    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        return Fault("cannot be read", file=str(path), found=error.strerror)
    if digest.hexdigest() == expected:
        return None
    return Fault("is not what was signed", file=str(path), found=digest.hexdigest(), allowed=expected)
