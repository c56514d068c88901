"""Codecs and containers, and their quality settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from nst_engine import kernels
from nst_engine.environment import cpu_fields
from nst_engine.video.frames import BT601_TAGS, SRGB_TAGS, Clip, ColorTags
from nst_engine.video.options import StreamFormat

#: Of MP4 and QuickTime, one format with several names.
QUICKTIME_SUFFIXES = (".mp4", ".m4v", ".mov")
#: FFmpeg's names of the containers that are written.
CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
}
#: Those that can be written as they come, by FFmpeg's name, and the suffix of files that hold as much as they do.
STREAM_FORMATS: Mapping[StreamFormat, str] = {"matroska": ".mkv", "nut": ".nut", "webm": ".webm", "mp4": ".mp4"}
#: FFmpeg's names by suffix, with those of streams.
MUXERS = {**CONTAINERS, ".nut": "nut"}

# Containers that hold their pictures themselves. Others are lists of files (concat, HLS, DASH, image2, SDP), by which
# an attacker could have other files of the user read.
_READ_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2 matroska,webm avi mpegts mpeg mpegvideo flv live_flv asf ogg mxf nut gif apng webp m4v "
    "h261 h263 h264 hevc vvc av1 obu ivf evc mjpeg mpjpeg yuv4mpegpipe dv rm gxf lxf nsv nuv roq smk bink swf wtv vc1 "
    "vc1test dirac cavsvideo dnxhd flic amv pva dhav kux ismv ty cine"
)
#: FFmpeg options for untrusted files.
FILE_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(_READ_CONTAINERS.split())}

#: Said of a picture where a video is wanted, by the library as by the command and the service: each has a `stylize`.
IS_STILL = "is a still picture, and no video: nst stylize paints such"


def even_size(height: int, width: int) -> tuple[int, int]:
    """Of frames in a video: an odd last row or column is doubled, since most players want even sides."""
    return height + height % 2, width + width % 2


def written_size(suffix: str, clip: Clip) -> tuple[int, int]:
    """Height and width of a clip's frames in a file of that suffix."""
    return even_size(clip.height, clip.width) if suffix in MUXERS else (clip.height, clip.width)


@dataclass(frozen=True)
class Codec:
    """How pictures are encoded.

    Attributes:
        encoder: FFmpeg's name.
        suffixes: Of the files that hold it.
        crf: Default quality, lower is better; None: no such setting.
        highest_crf: The worst quality it knows.
        has_quantiser: Whether quality is a fixed quantiser, as in older codecs.
        holds_range: Whether a file can say that luma goes from 0 to 255.
        holds_matrix: Whether it can say what YUV it holds; others are taken for BT.601.
        holds_pixel_aspect: Whether its packets say how wide a pixel is; else that takes an .mp4 around them, since PyAV
            cannot tell a Matroska.
        pixel_format: FFmpeg's name.
        alpha_format: Likewise, of frames that may be transparent; None: it knows none.
        alpha_suffixes: Of the files that hold those.
        options: Of the encoder.
        tag: What players look for in an .mp4 or .mov; None: FFmpeg's choice.
    """

    encoder: str
    suffixes: tuple[str, ...]
    crf: int | None
    highest_crf: int = 51
    has_quantiser: bool = False
    holds_range: bool = True
    holds_matrix: bool = True
    holds_pixel_aspect: bool = True
    pixel_format: str = "yuv420p"
    alpha_format: str | None = None
    alpha_suffixes: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    tag: str | None = None


CODECS = {
    "h264": Codec("libx264", (*QUICKTIME_SUFFIXES, ".mkv", ".nut"), 17, options={"preset": "veryfast"}),
    "hevc": Codec(
        "libx265",
        (*QUICKTIME_SUFFIXES, ".mkv", ".nut"),
        20,
        # without frames out of order: of uneven times x265 now and then makes packets that no file takes
        options={"preset": "veryfast", "x265-params": "log-level=none:bframes=0"},
        tag="hvc1",
    ),
    "vp9": Codec(
        "libvpx-vp9",
        (".webm", ".mkv", ".mp4"),
        26,
        63,
        holds_pixel_aspect=False,
        alpha_format="yuva420p",
        alpha_suffixes=(".webm", ".mkv"),
        options={"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    ),
    "av1": Codec("libsvtav1", (".webm", ".mkv", ".mp4"), 26, 63, holds_pixel_aspect=False, options={"preset": "8"}),
    # What AVI was made for: of H.264 in it, readers have to guess when a frame is shown.
    "mpeg4": Codec("mpeg4", (".avi",), 3, 31, has_quantiser=True, holds_range=False, holds_matrix=False),
    "prores": Codec(
        "prores_ks",
        (".mov", ".mkv"),
        None,
        pixel_format="yuv422p10le",
        alpha_format="yuva444p10le",
        alpha_suffixes=(".mov", ".mkv"),
        holds_range=False,
        options={"profile": "standard"},
    ),
}
DEFAULT_CODECS = {".webm": "vp9", ".avi": "mpeg4"}
# FFmpeg's unit of a fixed quantiser.
_LAMBDA_PER_QUANTISER = 118


@dataclass(frozen=True)
class Plan:
    """Settings of an encoder and a muxer.

    Attributes:
        suffix: Of the output.
        codec: The codec.
        crf: Its quality; None: it has no such setting.
        time_base: Seconds per tick of the frames' times.
        rate: Frames per second, about.
        source_tags: What the colours of the source mean.
        is_opaque: Whether no frame of the source is transparent.
        pixel_aspect: Width of a pixel over its height; None: square.
        is_stream: Whether it is written as it comes, and may be watched meanwhile.
    """

    suffix: str
    codec: Codec
    crf: int | None
    time_base: Fraction
    rate: Fraction
    source_tags: ColorTags = SRGB_TAGS
    is_opaque: bool = True
    pixel_aspect: Fraction | None = None
    is_stream: bool = False

    @property
    def has_alpha(self) -> bool:
        """Whether transparency is kept."""
        return not self.is_opaque and self.suffix in self.codec.alpha_suffixes

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name."""
        return self.codec.alpha_format if self.has_alpha and self.codec.alpha_format else self.codec.pixel_format

    @property
    def is_avi(self) -> bool:
        """AVI has no times: each frame is shown for a whole number of ticks, one after the other."""
        return self.suffix == ".avi"

    @property
    def tags(self) -> ColorTags:
        """What the colours of the result mean: the same as in the source, as far as it can say so."""
        tags = self.source_tags
        if not self.codec.holds_matrix:
            return BT601_TAGS
        return tags if self.codec.holds_range else replace(tags, is_full_range=False)

    @property
    def part_container(self) -> str:
        """FFmpeg's name of what finished parts are kept in: exact times, and a codec as the output wants it."""
        if self.is_avi:
            return "nut"
        if self.codec.encoder == "prores_ks":
            return "mov"
        return "matroska" if self.has_alpha else "mp4"

    @property
    def encoder_options(self) -> dict[str, str]:
        """For FFmpeg."""
        options = dict(self.codec.options)
        if self.has_alpha and self.codec.encoder == "prores_ks":
            options["profile"] = "4444"
        if self.crf is not None and self.codec.has_quantiser:
            options |= {"flags": "+qscale", "global_quality": str(_LAMBDA_PER_QUANTISER * max(1, self.crf))}
        elif self.crf is not None:
            options["crf"] = str(self.crf)
        if self.codec.encoder == "libx264" and _has_avx512():
            # with AVX-512 x264 encodes the same frames now so, now so, and a resumed run would differ from a whole one;
            # without, it is as fast
            options["x264-params"] = "asm=AVX2"
        if self.is_stream:  # no frames out of order: each is seen sooner, and the first one is at 0
            options["bf"] = "0"
        return options


def _has_avx512() -> bool:
    available = kernels.active().available
    if available:
        return "avx512" in available
    return "avx512f" in cpu_fields().get("flags", "").split()  # NumPy's kernels do not tell
