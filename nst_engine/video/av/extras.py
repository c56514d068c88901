"""What a source holds beside its pictures, sound and subtitles: kept where the output can hold it, else noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import AttachmentStream, Discard, Disposition
from av.video.stream import VideoStream

from nst_engine.video.av.demux import open_input
from nst_engine.video.av.layouts import is_held
from nst_engine.video.formats import MUXERS, Plan
from nst_engine.video.frames import Clip, Extra, left_out_note
from nst_engine.wording import printable

_HOLDS_NO_CHAPTERS = (".avi",)
_HOLDS_ATTACHMENTS = (".mkv",)
_HOLDS_COVERS = (".mp4", ".m4v")
_COVERS = {"mjpeg": "image/jpeg", "png": "image/png"}
#: Of covers and fonts; they are kept in memory.
_LARGEST_BYTES = 64 << 20
_MOST_CHAPTERS = 10_000
_LATEST_MS = 10**11
_MS = Fraction(1, 1000)


def extras_of(container: InputContainer, painted: VideoStream) -> tuple[Extra, ...]:
    """All that a source holds beside the track that is painted, its sound and its subtitles."""
    chapters = container.chapters()
    found = [Extra("chapters", f"{len(chapters)} chapters")] if chapters else []
    timecodes = [holder.metadata.get("timecode") for holder in (container, *container.streams)]
    found += [Extra("timecode", f"the timecode {printable(each)}") for each in dict.fromkeys(timecodes) if each]
    for stream in container.streams:
        is_timecode = stream.type == "data" and "timecode" in stream.metadata
        is_chapter_names = bool(chapters) and stream.discard == Discard.all
        if stream is painted or stream.type in ("audio", "subtitle") or is_timecode or is_chapter_names:
            continue
        if isinstance(stream, AttachmentStream):
            found.append(Extra("attachment", f"the attachment {printable(stream.name or '')}".strip(), stream.index))
        elif isinstance(stream, VideoStream) and stream.disposition & Disposition.attached_pic:
            found.append(Extra("cover", "a cover", stream.index))
        else:
            found.append(Extra("track", f"track {stream.index + 1} ({stream.type})", stream.index))
    return tuple(found)


class Extras:
    """What an output takes of it.

    Attributes:
        notes: What people should know: what it does not.

    Args:
        output: The output; tracks are added to it.
        plan: Of the output.
        clip: Whose extras.
    """

    def __init__(self, output: OutputContainer, plan: Plan, clip: Clip) -> None:
        self.notes: list[str] = []
        self._output, self._suffix, self._clip = output, plan.suffix, clip
        self._covers: list[Packet[Any]] = []
        if not clip.extras or clip.file is None:
            return
        with open_input(clip.file) as container:
            for extra in clip.extras:
                if not self._is_added(container, extra):
                    self.notes.append(left_out_note(clip.label, extra.name, self._why(extra)))

    def packets(self) -> Iterator[tuple[float, int, Packet[Any]]]:
        """Seconds, 2 and the packet, of covers."""
        for packet in self._covers:
            yield 0.0, 2, packet

    def _why(self, extra: Extra) -> str:
        painted = {"track": "one track is painted", "timecode": "files are written without"}
        return painted.get(extra.kind) or f"a {self._suffix} does not hold that"

    def _is_added(self, container: InputContainer, extra: Extra) -> bool:
        if extra.kind == "chapters":
            return self._suffix not in _HOLDS_NO_CHAPTERS and self._set_chapters(container.chapters())
        if extra.kind in ("track", "timecode") or extra.index is None or extra.index >= len(container.streams):
            return False
        stream = container.streams[extra.index]
        if extra.kind == "attachment" and isinstance(stream, AttachmentStream):
            return self._suffix in _HOLDS_ATTACHMENTS and self._attach(stream.name, stream.mimetype, stream.data)
        return isinstance(stream, VideoStream) and self._add_cover(container, stream)

    def _set_chapters(self, chapters: Sequence[Mapping[str, Any]]) -> bool:
        """Those of the part that is painted, at its times."""
        seconds = self._clip.span.seconds
        last = _LATEST_MS if seconds is None else round(seconds * 1000)
        kept: dict[int, Any] = {}
        for each in chapters[:_MOST_CHAPTERS]:
            begin, end = (
                round((each[side] * each["time_base"] - self._clip.shift) * 1000) for side in ("start", "end")
            )
            begin, end = max(0, begin), min(end, last)
            if begin < end:
                kept[begin] = {"id": len(kept) + 1, "start": begin, "end": end, "time_base": _MS}
                kept[begin]["metadata"] = dict(each["metadata"])
        self._output.set_chapters([kept[begin] for begin in sorted(kept)])
        return True

    def _attach(self, name: str | None, kind: str | None, content: bytes | None) -> bool:
        if not content or len(content) > _LARGEST_BYTES:
            return False
        self._output.add_attachment(name or "attachment", kind or "application/octet-stream", content)
        return True

    def _add_cover(self, container: InputContainer, stream: VideoStream) -> bool:
        packet = next((each for each in container.demux(stream) if each.size), None)
        if packet is None or packet.size > _LARGEST_BYTES:
            return False
        kind = _COVERS.get(stream.codec_context.name)
        if self._suffix in _HOLDS_ATTACHMENTS and kind is not None:
            name = stream.metadata.get("filename") or f"cover.{kind.rpartition('/')[2]}"
            return self._attach(name, kind, bytes(packet))
        if self._suffix not in _HOLDS_COVERS or not is_held(stream, MUXERS[self._suffix]):
            return False
        cover = self._output.add_stream_from_template(stream, opaque=True)
        cover.disposition = Disposition.attached_pic
        packet.stream, packet.pts, packet.dts = cover, 0, 0
        self._covers.append(packet)
        return True
