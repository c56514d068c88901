"""An output that is written as the frames come: pictures are encoded, and the sound of the source passes by."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from nst_engine.video.av.encoder import PictureTrack, refusals_told
from nst_engine.video.av.extras import Extras
from nst_engine.video.av.mux import container_options
from nst_engine.video.av.sound import Sound
from nst_engine.video.formats import MUXERS, QUICKTIME_SUFFIXES, Plan
from nst_engine.video.frames import Clip, left_out_note
from nst_engine.video.pipes import PipeWriter

# What has come goes on, in half a second also where one track has ended and others go on; an .mp4 is cut into pieces.
_STREAM_OPTIONS = {"flush_packets": "1", "max_interleave_delta": "2000000"}
_PIECES = {"movflags": "empty_moov+delay_moov+default_base_moof", "frag_duration": "500000"}


class StreamMuxer:
    """Takes pictures from one thread and packets of the source from another.

    Attributes:
        notes: What people should know.

    Args:
        target: Where to.
        plan: How.
        clip: What is painted.
        source: The open input whose packets are given to `pass_on`; None: it has none.

    Raises:
        OSError: The output cannot be written.
        OutputError: The encoder does not take such frames.
    """

    def __init__(self, target: Path | PipeWriter, plan: Plan, clip: Clip, source: InputContainer | None) -> None:
        self._turn = threading.Lock()
        options = container_options(plan, clip)
        if isinstance(target, PipeWriter):
            options = {**_STREAM_OPTIONS, **(_PIECES if plan.suffix == ".mp4" else {})}
        self._container = av.open(
            os.fspath(target.absolute()) if isinstance(target, Path) else target,
            "w",
            format=MUXERS[plan.suffix],
            container_options=options,
        )
        try:
            self._container.metadata.update(clip.metadata)
            with refusals_told(plan, clip.height, clip.width):
                self._pictures = PictureTrack(self._container, plan, clip.height, clip.width)
                self._pictures.stream.metadata.update(clip.stream_metadata)
                if plan.codec.tag is not None and plan.suffix in QUICKTIME_SUFFIXES:
                    self._pictures.stream.codec_context.codec_tag = plan.codec.tag
                self._sound = Sound(self._container, plan, clip, source=source)
                extras = Extras(self._container, plan, clip)
                self._container.start_encoding()
            self.notes = [*self._sound.notes, *extras.notes]
            if clip.file is None:  # which they would be read from
                self.notes += [left_out_note(clip.label, each.name, "it came by a pipe") for each in clip.extras]
            self._mux(packet for _, _, packet in extras.packets())
        except BaseException:
            self.discard()
            raise

    def write(self, pixels: NDArray[np.uint8], pts: int) -> None:
        """Encode uint8 H×W×3, or H×W×4 where the plan has alpha, shown from `pts` ticks on."""
        self._mux(self._pictures.packets(pixels, pts))

    def pass_on(self, packet: Packet[Any]) -> None:
        """Take a packet of the source's sound or subtitles."""
        self._mux(packet for _, _, packet in self._sound.accept(packet))

    def finish(self) -> list[str]:
        """Write what the encoders still hold, and close; returns what people should know of the sound."""
        self._mux(self._pictures.last_packets())
        self._mux(packet for _, _, packet in self._sound.last_packets())
        self._container.close()
        return [note for note in self._sound.notes if note not in self.notes]

    def discard(self) -> None:
        """Close as it is."""
        with contextlib.suppress(Exception):  # FFmpeg may complain of what is not there
            self._container.close()

    def _mux(self, packets: Iterable[Packet[Any]]) -> None:
        for packet in packets:
            with self._turn:
                self._container.mux(packet)
