"""What goes with an image: its manifest, an SBOM (SPDX 2.3), the sums of its files, and a signature over those."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
SPACE = "appliance-image"
"""The namespace of the signature (`ssh-keygen -Y`): one made for another purpose is refused."""


def write_manifest(out: Path, debian: Path, lock: Path, facts: dict[str, object]) -> None:
    """Every Debian package and wheel, by version and hash."""
    packages = json.loads(debian.read_text())["packages"]
    wheels = [
        {
            "package": name,
            "version": version.split(";")[0].strip(" \\"),
            "hashes": re.findall(r"sha256:([0-9a-f]{64})", rest),
        }
        for name, version, rest in re.findall(
            r"^([A-Za-z0-9._-]+)==(\S+)(.*(?:\n .*)*)", lock.read_text(), re.MULTILINE
        )
    ]
    manifest = {"schema": 1, "image": "appliance", **facts, "packages": packages, "wheels": wheels}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def write_sbom(out: Path, epoch: int) -> None:
    """The same as SPDX (https://spdx.github.io/spdx-spec/v2.3/), for those who look for known holes."""
    manifest = json.loads((out / "manifest.json").read_text())
    packages = [_debian(one) for one in manifest["packages"]] + [_wheel(one) for one in manifest["wheels"]]
    digest = hashlib.sha256(json.dumps(packages, sort_keys=True).encode()).hexdigest()
    sbom = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "appliance",
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: images/disk.py"],
        },
        "packages": packages,
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": one["SPDXID"]}
            for one in packages
        ],
    }
    (out / "sbom.spdx.json").write_text(json.dumps(sbom, indent=1) + "\n")


def _debian(one: dict[str, Any]) -> dict[str, Any]:
    where = f"pkg:deb/debian/{one['package']}@{one['version']}?arch={one['architecture']}&distro=trixie"
    return _package("deb", one["package"], one["version"], where, [one["sha256"]] if one["sha256"] else [])


def _wheel(one: dict[str, Any]) -> dict[str, Any]:
    return _package("pypi", one["package"], one["version"], f"pkg:pypi/{one['package']}@{one['version']}", [])


def _package(kind: str, name: str, version: str, where: str, hashes: list[str]) -> dict[str, Any]:
    return {
        "SPDXID": f"SPDXRef-{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": value} for value in hashes],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": where}],
    }


def write_sums(out: Path) -> None:
    """As sha256sum(1) writes and checks them."""
    names = sorted(
        path.name for path in out.iterdir() if path.is_file() and path.name[0] != "." and SUMS not in path.name
    )
    with (out / SUMS).open("w") as sums:
        for name in names:
            with (out / name).open("rb") as file:
                sums.write(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")


def sign(out: Path, key: Path | None) -> None:
    """An OpenSSH signature; without a key of the caller's, with one that is made here and worth nothing elsewhere."""
    if key is None:
        key = out.parent / "image-key" / "development"
        if not key.exists():
            key.parent.mkdir(exist_ok=True)
            _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", "development", "-f", key)
        print(f"images/disk.py: signed with the development key {key}: proves nothing to others", file=sys.stderr)
    (out / SIGNATURE).unlink(missing_ok=True)
    _ssh_keygen("-q", "-Y", "sign", "-n", SPACE, "-f", key, out / SUMS)


def _ssh_keygen(*words: str | Path) -> None:
    done = subprocess.run(["ssh-keygen", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"images/disk.py: ssh-keygen: {done.stderr.decode(errors='replace').strip()}")
