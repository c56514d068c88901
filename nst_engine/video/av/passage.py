"""Packets of sound and subtitles on their way past the decoder of the pictures: of a pipe, nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream

from nst_engine.errors import VideoDecodeError

# Before the first picture, when nobody takes them yet.
_MOST_EARLY = 10_000


class Passage:
    """Keeps packets until there is somebody to take them.

    Args:
        label: Of the source, for messages.
        is_open: Whether there are such packets at all.
    """

    def __init__(self, label: str, *, is_open: bool) -> None:
        self._label, self.is_open = label, is_open
        self._early: list[Packet[Any]] = []
        self._take: Callable[[Packet[Any]], None] | None = None

    def streams(self, container: InputContainer) -> Sequence[AudioStream | SubtitleStream]:
        """What is demuxed beside the pictures."""
        return (*container.streams.audio, *container.streams.subtitles) if self.is_open else ()

    def pass_on(self, packet: Packet[Any]) -> None:
        """Hand on the next packet.

        Raises:
            VideoDecodeError: Nobody takes them, and too many have come.
        """
        if self._take is not None:
            self._take(packet)
            return
        self._early.append(packet)
        if len(self._early) > _MOST_EARLY:
            raise VideoDecodeError(f"{self._label}: no picture comes with its first {_MOST_EARLY:,} packets of sound")

    def lead_to(self, take: Callable[[Packet[Any]], None]) -> None:
        """Who takes them from here on, and those that are kept."""
        early, self._early = self._early, []
        for packet in early:
            take(packet)
        self._take = take
