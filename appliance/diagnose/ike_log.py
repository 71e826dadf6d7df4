"""charon's log taken apart: which lines are about a tunnel, its attempts one by one, the proposals named in it.

The lines are those of strongSwan 6.0.1 at log level 1, as vici's ``log`` event carries them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from appliance.model.resources import IkeConnection
from appliance.model.sa import IkeLine

BEGINS = re.compile(
    r"^initiating (?:Main Mode )?IKE_SA|is initiating an? |^sending DPD request|^establishing CHILD_SA .* reqid"
)
"""A first message of ours or theirs, a probe of a silent peer, a rekey."""

CHILD_UP = re.compile(r"CHILD_SA \S+ established with SPIs \w+_i \w+_o and TS (?P<ours>.+) === (?P<theirs>.+)$")
WAS_UP = re.compile(r"^sending DPD request|IKE_SA \S+ established between")
PROPOSALS = re.compile(r"^received proposals: (?P<list>.+)$")
KEYWORDS = {"HMAC_SHA1_96": "sha1", "HMAC_SHA2_256_128": "sha256", "HMAC_SHA2_384_192": "sha384",
            "HMAC_SHA2_512_256": "sha512", "HMAC_MD5_96": "md5", "AES_XCBC_96": "aesxcbc", "AES_CMAC_96": "aescmac",
            "3DES_CBC": "3des", "DES_CBC": "des", "CURVE_25519": "x25519", "CURVE_448": "x448",
            "CHACHA20_POLY1305": "chacha20poly1305", "EXT_SEQ": "esn"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule has to go by: the tunnel as we loaded it, one attempt's lines, and what the cloud accepts.

    ``was_up``: the log shows that this tunnel had been established before.
    """

    tunnel: IkeConnection
    lines: tuple[IkeLine, ...]
    their_ike: tuple[str, ...]
    their_esp: tuple[str, ...]
    was_up: bool = False

    def find(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """Where the pattern occurs last."""
        return next((found for line in reversed(self.lines) if (found := re.search(pattern, line.text))), None)

    def after(self, pattern: re.Pattern[str]) -> tuple[IkeLine, ...]:
        """The lines that follow the last one in which the pattern occurs."""
        places = [place for place, line in enumerate(self.lines) if pattern.search(line.text)]
        return self.lines[places[-1] + 1 :] if places else self.lines

    def says(self, pattern: str) -> bool:
        return self.find(pattern) is not None


def lines_about(tunnel: IkeConnection, lines: Iterable[IkeLine]) -> tuple[IkeLine, ...]:
    """The lines of this tunnel's IKE_SAs, and those of nobody's that name its peer (a call that fitted nothing)."""
    everything = tuple(lines)
    peer = re.compile(rf"(?<![\w.:]){re.escape(str(tunnel.remote))}(?![\w.:]*\d)")
    ids = {line.ike_id for line in everything if line.connection == tunnel.name}
    ids |= {line.ike_id for line in everything if line.connection is None and peer.search(line.text)}
    strangers = {line.ike_id for line in everything if line.connection not in (None, tunnel.name)}
    return tuple(
        line
        for line in everything
        if line.connection == tunnel.name
        or (line.connection is None and line.ike_id is not None and line.ike_id in ids - strangers)
        or (line.ike_id is None and (peer.search(line.text) or line.text.startswith("error writing to socket")))
    )


def attempts(lines: Sequence[IkeLine]) -> Iterator[tuple[IkeLine, ...]]:
    """The lines cut at each beginning. Those of different IKE_SAs mix only in the moment one replaces the other."""
    attempt: list[IkeLine] = []
    for line in lines:
        if BEGINS.search(line.text) and attempt:
            yield tuple(attempt)
            attempt = []
        attempt.append(line)
    if attempt:
        yield tuple(attempt)


def offered(lines: Iterable[IkeLine]) -> dict[str, tuple[str, ...]]:
    """What the cloud proposed when it called us, per protocol (``IKE``, ``ESP``)."""
    found: dict[str, tuple[str, ...]] = {}
    for match in filter(None, (PROPOSALS.search(line.text) for line in lines)):
        listed = [one.partition(":") for one in match["list"].split(", ")]
        found |= {listed[0][0]: tuple(proposal_keywords(algorithms) for _, _, algorithms in listed)}
    return found


def proposal_keywords(algorithms: str) -> str:
    """charon's ``AES_CBC_256/HMAC_SHA2_256_128/PRF_.../MODP_2048`` in the keywords of a configuration."""
    words = algorithms.split("/")
    aead = any(word.startswith(("AES_GCM", "AES_CCM", "CHACHA20")) for word in words)
    kept = [word for word in words if word != "NO_EXT_SEQ" and (aead or not word.startswith("PRF_"))]
    return "-".join(map(_keyword, kept))


def _keyword(word: str) -> str:
    if found := re.fullmatch(r"AES_(CBC|CTR|GCM_\d+|CCM_\d+)_(\d+)", word):
        mode = "" if found[1] == "CBC" else found[1].lower().replace("_", "")
        return f"aes{found[2]}{mode}"
    if word.startswith("PRF_HMAC_"):
        return "prf" + word.removeprefix("PRF_HMAC_").lower().replace("sha2_", "sha")
    if found := re.fullmatch(r"MODP_(\d+)_(\d+)", word):
        return f"modp{found[1]}s{found[2]}"
    return KEYWORDS.get(word, word.lower().replace("_", ""))
