"""Turns style images into style weights by a model's encoder, once for each image."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_engine.catalogue import style_path
from nst_engine.checks import require_path
from nst_engine.errors import ImageDecodeError, InferenceError, ModelSpecError, NSTError, OptionError
from nst_engine.image import ImageSource
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.models.content import companion_content
from nst_engine.models.spec import ModelSpec, StylePrediction
from nst_engine.runtimes.onnxruntime import first_line
from nst_engine.runtimes.part import Part
from nst_engine.runtimes.session import Session
from nst_engine.stylize.preprocess import model_input
from nst_engine.stylize.style_choice import Style, StyleChoice, weighted
from nst_engine.stylize.style_embedding import SUFFIX, StyleEmbedding
from nst_engine.stylize.style_images import read_style_image

#: Number of cached codes.
EMBEDDINGS_KEPT = 256


class StyleEncoder:
    """The style encoder of a loaded model. May be used by several threads at once."""

    def __init__(self, session: Session, prediction: StylePrediction) -> None:
        self._session, self._prediction = session, prediction
        self._takes = ModelSpec(
            name=prediction.predict,
            styles=(),
            min_side_px=1,
            **{each: getattr(prediction, each) for each in ("layout", "dtype", "value_range", "mean", "std")},
        )
        self._known: OrderedDict[Hashable, StyleEmbedding] = OrderedDict()
        self._lock = threading.Lock()
        self._graph: Part | None = None
        self._space = ""

    def encode(
        self, style_image: ImageSource, label: str | None = None, *, limits: ImageLimits = DEFAULT_LIMITS
    ) -> StyleEmbedding:
        """Encode a style image, unless the same pixels are cached.

        Args:
            style_image: As `nst_engine.load_image` takes it.
            label: Display label; None: a file's name, or that it is a style image.
            limits: Larger inputs are refused before they are decoded.

        Raises:
            OptionError: All of it is transparent.
            ImageDecodeError: It cannot be read; also its siblings.
            ModelNotFoundError: The model's encoder is missing.
            InferenceError: The encoder failed.
        """
        pixels = read_style_image(style_image, self._prediction.side_px, limits=limits)
        label = label or _label_of(style_image)
        key = (label, pixels.shape, hashlib.sha256(pixels.tobytes()).digest())
        with self._lock:
            embedding = self._known.get(key) or self._run(pixels, label)
            self._remember(key, embedding)
        return embedding

    def choose(self, style: Style, limits: ImageLimits = DEFAULT_LIMITS) -> StyleChoice:
        """The style weights of one style or several.

        Args:
            style: Style images, embeddings, bundled paintings' names or files of any of them.
            limits: For style images; larger ones are refused before they are decoded.

        Raises:
            OptionError: None given, invalid weights, or an embedding of another model.
            NSTError: What `encode` and `StyleEmbedding.load` raise.
        """
        shares: dict[str, float] = {}
        identity: dict[str, float] = {}
        blend = np.zeros(self._prediction.numbers)
        for each, share in weighted(style):
            embedding = self._embedding(each, limits)
            blend += share * embedding.code.astype(np.float64)
            shares[_free_label(embedding.label, shares)] = share
            key = f"{embedding.label} {embedding.identity}"
            identity[key] = identity.get(key, 0.0) + share
        return StyleChoice(shares, blend.astype(np.float32)[np.newaxis], self._session.model, identity)

    def _embedding(self, style: Any, limits: ImageLimits) -> StyleEmbedding:
        if isinstance(style, StyleEmbedding):
            return self._fitting(style)
        if not isinstance(style, str | os.PathLike):
            return self.encode(style, limits=limits)
        path = style_path(require_path("style", style))
        if path.suffix.lower() == SUFFIX:
            return self._fitting(StyleEmbedding.load(path))
        # an unchanged file is not read again for each picture
        key = _state_of(path)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self.encode(path, limits=limits)
            with self._lock:
                self._remember(key, known)
        return known

    def _fitting(self, embedding: StyleEmbedding) -> StyleEmbedding:
        with self._lock:
            self._load()
        if embedding.space != self._space or embedding.code.shape != (self._prediction.numbers,):
            here = self._session.model
            whose = "of another version" if embedding.model == here else f"{embedding.model}'s"
            raise OptionError(
                f"{embedding.label}: this style embedding is {whose}, which {here} cannot read; use that model, or "
                f"encode the style image again, with `model='{here}'`"
            )
        return embedding

    def _run(self, pixels: NDArray[np.uint8], label: str) -> StyleEmbedding:
        tensor = model_input([pixels], self._takes).tensor
        code = np.asarray(self._code(tensor), np.float32).reshape(-1)
        if len(code) != self._prediction.numbers or not np.isfinite(code).all():
            raise ModelSpecError(
                f"{self._session.model}: its encoder {self._prediction.predict} returned {len(code)} numbers for "
                f"{self._prediction.output}, wanted {self._prediction.numbers} finite ones: the file is another "
                "model's, or damaged"
            )
        return StyleEmbedding(code, self._session.model, self._space, label)

    def _code(self, tensor: NDArray[Any]) -> NDArray[Any]:
        graph, feed = self._load(), {self._prediction.input: tensor}
        try:
            try:
                (code,) = graph.run([self._prediction.output], feed)
            except NSTError:
                raise
            except Exception:  # the runtimes' exceptions have no common base
                # most third-party networks were exported for one size of style image
                (code,) = self._load_for_any_size().run([self._prediction.output], feed)
        except NSTError:
            raise
        except Exception as error:
            raise InferenceError(
                f"{self._session.model}: its encoder {self._prediction.predict} failed ({first_line(error)}); see "
                f"whether it takes {self._prediction.input}, {self._prediction.dtype} "
                f"{'×'.join(map(str, tensor.shape))}, or whether the CPU does better as the device"
            ) from error
        return code

    def _load(self) -> Part:
        """Load the encoder for the first style image."""
        if self._graph is None:
            content = self._content()
            file = self._session.file
            # a bundled encoder computes the same in every runtime; bfloat16 takes half the time
            self._graph = self._session.open_part(content, in_same_runtime=file is not None and file.is_bundled)
            # codes are valid for all models that use the same output of the same encoder
            self._space = f"{self._prediction.output} {hashlib.sha256(content).hexdigest()[:16]}"
        return self._graph

    def _load_for_any_size(self) -> Part:
        from nst_engine.graphs.rewrite import with_dynamic_size  # this loads onnx

        self._graph = self._session.open_part(with_dynamic_size(self._content()))
        return self._graph

    def _content(self) -> bytes:
        file = self._session.file
        assert file is not None
        return companion_content(file, self._prediction.predict)

    def _remember(self, key: Hashable, embedding: StyleEmbedding) -> None:
        self._known[key] = embedding
        self._known.move_to_end(key)
        while len(self._known) > EMBEDDINGS_KEPT:
            self._known.popitem(last=False)


def _label_of(source: ImageSource) -> str:
    return Path(source).stem if isinstance(source, str | os.PathLike) else "style-image"


def _free_label(label: str, labels: Any) -> str:
    number, free = 2, label
    while free in labels:
        number, free = number + 1, f"{label}-{number}"
    return free


def _state_of(path: Path) -> Hashable:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ImageDecodeError(f"{path}: cannot be read ({error}); check the path") from error
    return str(path.absolute()), status.st_mtime_ns, status.st_size
