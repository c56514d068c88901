"""How many requests each caller may make, counted for all workers in one table of fixed size."""

from __future__ import annotations

import hashlib
import ipaddress
import mmap
import secrets
import struct
import time
from pathlib import Path

_SLOTS = 1 << 16
_SECRET_BYTES = 16
_TIME = struct.Struct("d")
_SIZE = _SECRET_BYTES + _SLOTS * _TIME.size
_MINUTE_S = 60.0
_NETWORK_BITS = 64  # of IPv6, which is what one household has


class Rate:
    """The generic cell rate algorithm: for each caller, the time until which its requests are paid for.

    Callers are told apart by a hash; two of the same slot, of 65,536, are counted as one. Two workers that count at the
    same instant may let one request more pass.

    Args:
        per_minute: Requests at once, and in each minute then; 0: any number.
        table: A file that all workers share; None: there is one.
    """

    def __init__(self, per_minute: int, table: Path | None = None) -> None:
        self._interval_s = _MINUTE_S / per_minute if per_minute else 0.0
        self._memory = _mapped(table)
        self._secret = bytes(self._memory[:_SECRET_BYTES])

    def seconds_to_wait(self, caller: bytes) -> float:
        """0, and the request counts; or how long it would have to wait."""
        if not self._interval_s:
            return 0.0
        slot = hashlib.blake2b(caller, key=self._secret, digest_size=4).digest()
        place = _SECRET_BYTES + int.from_bytes(slot, "big") % _SLOTS * _TIME.size
        now, (paid_until,) = time.monotonic(), _TIME.unpack_from(self._memory, place)
        begin = max(now, paid_until)
        excess = begin + self._interval_s - now - _MINUTE_S
        if excess > 1e-9:
            return float(excess)
        _TIME.pack_into(self._memory, place, begin + self._interval_s)
        return 0.0


def make_table(path: Path) -> None:
    """A table for all workers, before they start."""
    path.write_bytes(secrets.token_bytes(_SECRET_BYTES) + bytes(_SIZE - _SECRET_BYTES))


def caller_at(address: str) -> bytes:
    """Whoever is at a network address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a socket without address
        return address.encode()
    if ip.version == 4:
        return ip.packed
    if ip.ipv4_mapped:  # how clients by IPv4 appear to a socket of both, whose networks would all be one
        return ip.ipv4_mapped.packed
    return ip.packed[: _NETWORK_BITS // 8]


def _mapped(table: Path | None) -> mmap.mmap:
    if table is None:
        memory = mmap.mmap(-1, _SIZE)
        memory[:_SECRET_BYTES] = secrets.token_bytes(_SECRET_BYTES)
        return memory
    with table.open("r+b") as file:
        return mmap.mmap(file.fileno(), _SIZE)
