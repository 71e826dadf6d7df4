"""What can be wrong, said so that the reader can mend it, and the errors that carry it to the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document or an intent. ``found`` never holds a secret."""

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    found: str | None = None
    allowed: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth saying that stops nothing (a weak algorithm, a single tunnel)."""

    where: str
    message: str


class ApplianceError(Exception):
    """An error with a message for people, a remedy and an exit code (the command line's contract).

    ``code`` is a stable word for programs; ``faults`` lists every fault when the input is to blame.
    """

    exit = 1
    code = "failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        code: str | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.faults = faults
        if code is not None:
            self.code = code


class SystemFailure(ApplianceError):
    """A system (kernel, charon, FRR, nft) refused or failed. ``retry``: the same call may work in a moment."""

    exit, code = 1, "system-failure"

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None, retry: bool = False) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry = retry


class WrongUsage(ApplianceError):
    """The command was called in a way that cannot be carried out."""

    exit, code = 2, "usage"


class FaultyInput(ApplianceError):
    """The document or the intent has faults; all are listed, nothing was written."""

    exit, code = 3, "faults"


class Refused(ApplianceError):
    """A safety rule says no. ``code`` is the RULE that ``--allow RULE`` (or ``--adopt``) overrides."""

    exit, code = 4, "refused"


class Reverted(ApplianceError):
    """The change was applied and taken back."""

    exit, code = 5, "reverted"


class SystemLacks(ApplianceError):
    """A privilege, kernel feature or daemon is not there; the hint says how to get it."""

    exit, code = 6, "missing"
