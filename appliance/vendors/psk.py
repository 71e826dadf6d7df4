"""A written pre-shared key to a Secret, judged without ever quoting it."""

from __future__ import annotations

import re

from appliance.model.fault import Fault
from appliance.model.profile import Profile
from appliance.model.secret import Secret
from appliance.vendors.values import Place, Placeholder, show

_WORDS = frozenset(
    {"password", "passphrase", "changeme", "psk", "secret", "key", "presharedkey", "sharedkey", "sharedsecret",
     "presharedkeyinplaintext", "hidden", "redacted", "removed", "masked", "omitted"}
)  # fmt: skip
_BRACKETED = re.compile(r"<([^<>]*)>|\[([^\[\]]*)\]|\{\{?([^{}]*)\}?\}")


def parse_psk(text: str, place: Place, faults: list[Fault], profile: Profile) -> Secret | Placeholder | None:
    """The key, or the placeholder that a publisher put in its place, or None and a fault that does not quote it.

    A word that stands for a key is never taken for one, even where the cloud would accept it: ``password`` as a real
    key would be no secret, and published documents have it. Only such words are quoted in a report.
    """
    if is_stand_in(text):
        return Placeholder(show(text))
    if re.search(r"\*{3,}$", text):
        return Placeholder("***")  # the beginning may be the key's: not shown
    if re.fullmatch(profile.psk_pattern, text):
        return Secret(text)
    faults.append(place.fault("not a pre-shared key of this cloud", found=_describe(text), allowed=profile.psk_rule))
    return None


def is_stand_in(text: str) -> bool:
    """Whether the text is one of the words that publishers write instead of a key, perhaps in brackets, with ``your``
    before it or a number after it, or one character repeated (``xxxxxxxx``, ``********``)."""
    match = _BRACKETED.fullmatch(text)
    inner = next(filter(None, match.groups()), "") if match else text
    word = re.sub(r"[^a-z0-9]", "", inner.lower())
    word = re.sub(r"\d{1,2}$", "", word.removeprefix("your").removeprefix("my").removeprefix("the"))
    return word in _WORDS or bool(re.fullmatch(r"([xX*#?.])\1+", inner))


def _describe(text: str) -> str:
    odd = [index for index, char in enumerate(text, start=1) if not re.fullmatch(r"[A-Za-z0-9._]", char)]
    where = f", number {odd[0]} of them not a letter, digit, point or underscore" if odd else ""
    return f"{len(text)} characters{where}"
