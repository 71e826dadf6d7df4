"""How the image's bench reads what machines say."""

from __future__ import annotations

import pytest

from tests.bench import booting

MEMINFO = """\
MemTotal:        1000000 kB
MemFree:          700000 kB
MemAvailable:     650000 kB
Buffers:           10000 kB
Cached:           150000 kB
Active(anon):      90000 kB
Shmem:              5000 kB
SReclaimable:      15000 kB
HugePages_Total:       0
"""


def test_memory_in_use_is_what_cannot_be_had_back() -> None:
    """Page cache can, but for what lies in memory alone (tmpfs)."""
    assert booting.memory_held(MEMINFO) == pytest.approx(130)


def test_an_archive_is_one_that_the_kernel_unpacks() -> None:
    """Each header and each file on a border of four bytes, sizes in hexadecimal, the trailer last."""
    archive = booting.pack({"bin": b"", "bin/x": b"12345"})
    found, at = {}, 0
    while at < len(archive):
        assert archive[at : at + 6] == b"070701"
        size, name_size = (int(archive[at + place : at + place + 8], 16) for place in (54, 94))
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        begin = -(-(at + 110 + name_size) // 4) * 4
        found[name] = archive[begin : begin + size]
        at = -(-(begin + size) // 4) * 4
    assert found == {"bin": b"", "bin/x": b"12345", "TRAILER!!!": b""}
    assert list(found)[-1] == "TRAILER!!!"
