"""The door for who only wants to know: the daemon says how things stand, to a program that need not load what looking
takes. One question to a connection, in the protocol of :mod:`appliance.control.wire`."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from appliance.control.failure import parse_error

SOCKET = Path("/run/appliance/control.sock")
VERSION = 2
BEGINS_WITHIN = 3.0
"""Seconds until the first sign of life: a daemon that hears a question says so before it looks."""
SILENT_FOR = 15.0
"""Seconds without a line after which it is not waited for any longer."""
OWN_MATTERS = ("protocol", "privilege", "defect")
"""Errors that say nothing of this machine's state: whoever asked looks for himself."""


def render_question(program: str) -> str:
    """The line that asks for the status, from a program of this version."""
    return json.dumps({"version": VERSION, "question": "status", "program": program}) + "\n"


def ask_status(path: Path, program: str) -> dict[str, Any] | None:
    """What the daemon sees now. None when it does not run, does not answer in time, or is of another version than
    ``program``. Raises what hindered it from seeing anything."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(BEGINS_WITHIN)
            sock.connect(str(path))
            sock.sendall(render_question(program).encode())
            answer = _await_answer(sock)
        if "error" not in answer:
            status = answer["status"]
            return status if isinstance(status, dict) else None
        error = parse_error(answer["error"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if error.code in OWN_MATTERS:
        return None
    raise error


def _await_answer(sock: socket.socket) -> Any:
    """The last line; before it come signs of life. ValueError when the daemon ends without one."""
    with sock.makefile(encoding="utf-8") as lines:
        for line in lines:
            sock.settimeout(SILENT_FOR)
            answer = json.loads(line)
            if "alive" not in answer:
                return answer
    raise ValueError("no answer")
