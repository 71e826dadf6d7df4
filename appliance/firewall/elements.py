"""Elements of sets as the kernel takes them, without a program in between: one batch, which it carries out as one
transaction or not at all (linux/netfilter/nf_tables.h, nfnetlink.h)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from struct import Struct

from appliance.model.resources import TABLE_MARK

NETFILTER = 12
"""The netlink protocol (NETLINK_NETFILTER)."""

_SUBSYSTEM, _BEGIN, _END = 10, 16, 17  # NFNL_SUBSYS_NFTABLES, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END
NEW, GONE = 12, 14  # NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM
_INET = 1  # NFPROTO_INET
_REQUEST, _ACK, _CREATE, _ERROR = 0x1, 0x4, 0x400, 2
_NESTED = 0x8000
_TABLE, _SET, _ELEMENTS = 1, 2, 3  # NFTA_SET_ELEM_LIST_*
_ELEMENT, _KEY, _DATA, _VALUE = 1, 1, 2, 1  # NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA, NFTA_DATA_VALUE

_HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
_FAMILY = Struct(">BBH")  # family, version, resource
_ATTRIBUTE = Struct("=HH")  # length, type
_ERRNO = Struct("=i")
_SIZE = Struct(">H")
_LINK_NAME = 16  # bytes (IFNAMSIZ)

_KNOWN = re.compile(r'("[^"]+"|[0-9a-f.:]+)(?: \. ([0-9a-f.:]+))?(?: : (\d+))?')

Change = tuple[int, str, Sequence[str]]
"""Whether elements come or go, of which set, and which: as nft spells them."""


def render_batch(changes: Iterable[Change]) -> tuple[bytes, int]:
    """The messages as they go into the socket, and how many answers they get: 1, 2 and so on by their sequence.
    ValueError for an element that is not of the kinds in our sets: interface, address, both, either with a size."""
    told = [_message(verb, _told(name, elements)) for verb, name, elements in changes]
    begin, end = (_HEADER.size + _FAMILY.size, _FAMILY.pack(0, 0, _SUBSYSTEM)), b""
    found = [_HEADER.pack(begin[0], _BEGIN, _REQUEST, 0, 0) + begin[1]]
    for sequence, (kind, flags, body) in enumerate(told, 1):
        length = _HEADER.size + len(body)
        found.append(_HEADER.pack(length, _SUBSYSTEM << 8 | kind, flags, sequence, 0) + body)
    end = _HEADER.pack(begin[0], _END, _REQUEST, len(told) + 1, 0) + begin[1]
    return b"".join((*found, end)), len(told)


def parse_answers(data: bytes) -> Iterator[tuple[int, int]]:
    """Sequence and errno (0: done) of each answer in a datagram."""
    at = 0
    while at + _HEADER.size + _ERRNO.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        if kind == _ERROR:
            yield sequence, -int(_ERRNO.unpack_from(data, at + _HEADER.size)[0])
        at += length + 3 & ~3


def _message(verb: int, body: bytes) -> tuple[int, int, bytes]:
    flags = _REQUEST | _ACK | (_CREATE if verb == NEW else 0)
    return verb, flags, _FAMILY.pack(_INET, 0, 0) + body


def _told(name: str, elements: Iterable[str]) -> bytes:
    listed = b"".join(_attribute(_ELEMENT | _NESTED, _element(one)) for one in elements)
    if len(listed) > 0xFFFF - _ATTRIBUTE.size:
        raise ValueError("more than fits into one message")
    head = _attribute(_TABLE, TABLE_MARK.encode() + b"\0") + _attribute(_SET, name.encode() + b"\0")
    return head + _attribute(_ELEMENTS | _NESTED, listed)


def _element(text: str) -> bytes:
    found = _KNOWN.fullmatch(text)
    if found is None:
        raise ValueError("an element of another kind")
    key = b"".join(_packed(part) for part in found.group(1, 2) if part)
    size = b"" if found[3] is None else _value(_DATA, _SIZE.pack(int(found[3])))
    return _value(_KEY, key) + size


def _packed(part: str) -> bytes:
    if part.startswith('"'):
        return part.strip('"').encode().ljust(_LINK_NAME, b"\0")
    return ip_address(part).packed


def _value(kind: int, data: bytes) -> bytes:
    return _attribute(kind | _NESTED, _attribute(_VALUE, data))


def _attribute(kind: int, payload: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-len(payload) % 4)
