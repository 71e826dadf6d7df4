"""What an operator does to single tunnels, before any of them has failed."""

from __future__ import annotations

from field import FIELD
from injecting import inject

inject(FIELD, "draining")
