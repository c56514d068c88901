"""How large the pictures in an AVIF are as they are coded, whatever the file says of them; and whether they are there.

Pillow tells what the file says, and its decoder then decodes any other size, and shrinks the result to what was said.
So the sizes are read here from the AV1 sequence headers (AV1 specification 5.5; boxes: ISO/IEC 14496-12 and 23008-12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

_SEQUENCE_HEADER = 1  # of OBUs
_LARGEST_HEADER = 1024
_CODED = b"av01"
# AV1 has no checksum, and decodes zeros to grey. Coded numbers are as good as random: of 600 drawn patterns, dots had
# the longest row of zeros, 75 bytes. A file whose middle was never written has sectors of them.
_HOLE_BYTES, _SMALL_HOLE_BYTES, _HOLE_SHARE = 256, 32, 4


def is_sequence(content: bytes) -> bool:
    """Whether it would be decoded as a video."""
    return content[8:12] != b"avif" and any(kind == b"moov" for kind, _ in _boxes(content))


def coded_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """Height and width of each coded picture of a file: the one that is shown, its parts, its transparency.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        meta = next(body for kind, body in _boxes(content) if kind == b"meta")
        parts = dict(_boxes(meta[4:]))
        pictures = {item for item, kind in _kinds(parts[b"iinf"]) if kind == _CODED}
        items = _items(parts[b"iloc"], content, parts.get(b"idat", b""))
        coded = [data for item, data in items if item in pictures]
    except (StopIteration, KeyError, IndexError) as error:
        raise ValueError("its boxes are incomplete") from error
    if not coded:
        raise ValueError("it holds no AV1 picture")
    for data in coded:
        if bytes(min(_HOLE_BYTES, max(_SMALL_HOLE_BYTES, len(data) // _HOLE_SHARE))) in data:
            raise ValueError("zeros stand where the picture was")
        sizes = [_size_in(header) for header in _sequence_headers(data)]
        if not sizes:
            raise ValueError("a picture has no header")
        yield from sizes


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each."""
    start = 0
    while start + 8 <= len(content):
        size, head = int.from_bytes(content[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        end = len(content) if size == 0 else start + size
        if end < start + head:
            raise ValueError("a box has no end")
        yield content[start + 4 : start + 8], content[start + head : end]
        start = end


class _Bytes:
    """Big-endian numbers, one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def number(self, size: int) -> int:
        if self._place + size > len(self._content):
            raise ValueError("a box ends too early")
        self._place += size
        return int.from_bytes(self._content[self._place - size : self._place], "big")


def _kinds(iinf: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and kind of each item."""
    for kind, body in _boxes(iinf[6 if iinf[0] == 0 else 8 :]):
        if kind == b"infe":
            width = 4 if body[0] >= 3 else 2
            yield int.from_bytes(body[4 : 4 + width], "big"), body[6 + width : 10 + width]


def _items(iloc: bytes, content: bytes, idat: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and data of each item."""
    read = _Bytes(iloc)
    version = read.number(4) >> 24
    sizes = read.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide, left = 4 if version == 2 else 2, len(content)
    for _ in range(read.number(wide)):
        item = read.number(wide)
        source = idat if version and read.number(2) & 15 == 1 else content
        read.number(2)  # the file that holds it: this one
        base = read.number(base_size)
        data = b""
        for _ in range(read.number(2)):
            read.number(index_size)
            begin = base + read.number(offset_size)
            length = read.number(length_size) or len(source)
            extent = source[begin : begin + length]
            left -= len(extent)
            if left < 0:
                raise ValueError("its items are larger than the file")
            data += extent
        yield item, data


def _sequence_headers(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        head = data[start]
        start += 2 if head & 4 else 1
        size = len(data) - start
        if head & 2:
            size, start = _leb128(data, start)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield data[start : start + min(size, _LARGEST_HEADER)]
        start += size


def _leb128(data: bytes, start: int) -> tuple[int, int]:
    """The number, and where it ends."""
    value = 0
    for place in range(8):
        byte = int.from_bytes(data[start + place : start + place + 1], "big")
        value |= (byte & 127) << 7 * place
        if byte < 128:
            break
    return value, start + place + 1


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._left, self._value = 8 * len(content), int.from_bytes(content, "big")

    def number(self, bits: int) -> int:
        self._left -= bits
        if self._left < 0:
            raise ValueError("a header ends too early")
        return self._value >> self._left & (1 << bits) - 1


def _size_in(header: bytes) -> tuple[int, int]:
    read = _Bits(header).number
    read(4)  # profile, whether it is a still picture
    if read(1):  # a header of few fields
        read(5)
    else:
        _skip_operating_points(read)
    width_bits, height_bits = read(4) + 1, read(4) + 1
    width = read(width_bits) + 1
    return read(height_bits) + 1, width


def _skip_operating_points(read: Callable[[int], int]) -> None:
    delay_bits = 0
    if read(1):  # times
        read(32)
        read(32)
        if read(1):
            _skip_uvlc(read)
        if read(1):  # a model of the decoder
            delay_bits = read(5) + 1
            read(32)
            read(10)
    has_display_delay = read(1)
    for _ in range(read(5) + 1):
        read(12)
        if read(5) > 7:
            read(1)
        if delay_bits and read(1):
            read(delay_bits)
            read(delay_bits)
            read(1)
        if has_display_delay and read(1):
            read(4)


def _skip_uvlc(read: Callable[[int], int]) -> None:
    zeros = 0
    while not read(1):
        zeros += 1
    read(min(zeros, 32))
