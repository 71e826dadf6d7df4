"""What an order need not say again. The intent in force: of two of a thousand tunnels the difference is little."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from appliance.model.fault import SystemFailure
from appliance.model.secret import Secrets


class Standing:
    """What ``read`` finds in force, known by its digest; and ``secrets`` as the last order spelled them, with what they
    are."""

    def __init__(self, read: Callable[[], str | None]) -> None:
        self.secrets: tuple[str, Secrets] = ("", Secrets({}))
        self._read = read
        self._known: tuple[str, str] = ("", digest_of(""))

    def named(self, digest: str) -> str:
        """The text in force. Raises SystemFailure when that is not the one with this digest."""
        text = self._read()
        if text is None or self._digest(text) != digest:
            raise changed_meanwhile()
        return text

    def expect(self, text: str) -> None:
        """This was ordered: the next order shall not wait until it is read and its digest known."""
        if self._read() == text:
            self._digest(text)

    def _digest(self, text: str) -> str:
        if self._known[0] is not text and self._known[0] != text:
            self._known = text, digest_of(text)
        return self._known[1]


def digest_of(text: str) -> str:
    """Another one for another text."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def changed_meanwhile() -> SystemFailure:
    """An order was drawn up from what is no longer in force."""
    hint = "nothing was done; look at what is there now, and run it again"
    return SystemFailure("the intent was changed by somebody else meanwhile", hint=hint, code="changed-meanwhile")
