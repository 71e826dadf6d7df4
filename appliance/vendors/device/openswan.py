"""A conn in the words of Openswan and Libreswan, said in strongSwan's (ipsec.conf(5) of Libreswan 4, Openswan 2.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.model.fault import Notice
from appliance.vendors.draft import Findings
from appliance.vendors.keywords import group
from appliance.vendors.values import Place

Settings = dict[str, tuple[str, Place]]

_ONLY_THERE = frozenset(
    {"phase2alg", "phase2", "auth", "ikev2", "aggrmode", "leftvti", "vti-interface", "vti-routing", "ipsec-interface",
     "interface-ip", "encapsulation", "salifetime", "retransmit-timeout", "leftsubnets", "rightsubnets"}
)  # fmt: skip
_NOWHERE = ("", Place("", 0, ""))


def is_openswan(settings: Mapping[str, tuple[str, Place]]) -> bool:
    """Whether a setting is there that strongSwan has not."""
    return not settings.keys().isdisjoint(_ONLY_THERE)


def as_strongswan(settings: Settings, findings: Findings) -> Settings:
    """The settings in strongSwan's words. Phase 2 uses the group of phase 1 unless told not to (``pfs=no``); phase 1
    without a group is left out: what it means depends on the version."""
    plain = dict(settings)
    exchange = _group_of(_plain(settings.get("ike", _NOWHERE)[0]))
    _say_version(plain)
    if "ike" in plain:
        text, place = plain["ike"]
        plain["ike"] = (_plain(text), place)
        if exchange is None:
            findings.warnings.append(Notice(place.where, f"ike={text} names no group: not taken over"))
            del plain["ike"]
    for key in ("phase2alg", "esp"):
        if key in plain:
            text, place = plain.pop(key)
            pfs = exchange if settings.get("pfs", _NOWHERE)[0].lower() != "no" else None
            plain["esp"] = (_with_group(_plain(text), pfs), place)
    return plain


def _say_version(plain: Settings) -> None:
    """``ikev2=``, or else ``keyexchange=ike``, which begins with version 1."""
    word, place = plain.pop("ikev2", _NOWHERE)
    if word:
        plain["keyexchange"] = ("ikev2" if word.lower() in ("insist", "yes", "propose") else "ikev1", place)
    elif "keyexchange" in plain and plain["keyexchange"][0].lower() == "ike":
        plain["keyexchange"] = ("ikev1", plain["keyexchange"][1])


def _plain(text: str) -> str:
    """``aes_gcm256-null;dh14`` is ``aesgcm256-modp2048``."""
    tokens = re.sub(r"_gcm(_c)?_?", "gcm", text.lower()).replace("sha2_", "sha").replace(";", "-")
    return re.sub(r"\bdh(\d+)", lambda found: group(found[1]) or found[0], tokens).replace("-null", "")


def _with_group(proposals: str, exchange: str | None) -> str:
    """Every proposal with a group of its own or this one."""
    made = (proposal.strip() for proposal in proposals.split(","))
    return ",".join(p if _group_of(p) or exchange is None else f"{p}-{exchange}" for p in made)


def _group_of(proposals: str) -> str | None:
    """The group of the first proposal."""
    return group(proposals.split(",")[0].strip().rpartition("-")[2])
