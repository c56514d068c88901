"""Style embeddings in files: written whole, read as they were, refused where they are something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nst_engine import StyleEmbedding
from nst_engine.errors import ImageEncodeError, ModelChecksumError, OutputError, StyleNotFoundError


@pytest.fixture
def embedding() -> StyleEmbedding:
    return StyleEmbedding(np.linspace(-1, 1, 97, dtype=np.float32), "bundled:any", "any 0123", "Ölbild")


def test_an_embedding_comes_back_as_it_was(embedding: StyleEmbedding, tmp_path: Path) -> None:
    path = embedding.save(tmp_path / "painting.safetensors")
    assert path.stat().st_size < 2000
    back = StyleEmbedding.load(str(path))
    np.testing.assert_array_equal(back.code, embedding.code)
    assert (back.model, back.space, back.label) == ("bundled:any", "any 0123", "Ölbild")
    assert back.identity == embedding.identity
    assert str(back) == "Ölbild"


def test_another_code_or_encoder_is_another_style(embedding: StyleEmbedding) -> None:
    other = StyleEmbedding(embedding.code + 1, embedding.model, embedding.space, embedding.label)
    elsewhere = StyleEmbedding(embedding.code, embedding.model, "any 4567", embedding.label)
    assert len({each.identity for each in (embedding, other, elsewhere)}) == 3


def test_a_name_that_would_not_be_known_again_is_refused(embedding: StyleEmbedding, tmp_path: Path) -> None:
    with pytest.raises(ImageEncodeError, match=r"wanted one of \.safetensors"):
        embedding.save(tmp_path / "painting.jpg")
    with pytest.raises(OutputError):
        embedding.save(tmp_path / "nowhere" / "painting.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_embedding_is_refused(embedding: StyleEmbedding, tmp_path: Path) -> None:
    with pytest.raises(StyleNotFoundError, match="no such file"):
        StyleEmbedding.load(tmp_path / "none.safetensors")
    path = tmp_path / "it.safetensors"
    content = embedding.save(path).read_bytes()
    header = {"format": "nst-engine style embedding 1", "nst_engine": '{"model": "m", "space": "s", "label": "l"}'}
    damaged = [b"", content[:50], content[:-4], b"\xff" * 100, bytes(2 << 20)]
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(ModelChecksumError, match="damaged, or no style embedding"):
            StyleEmbedding.load(path)
    for tensors, metadata in (
        ({"code": np.full(97, np.nan, np.float32)}, header),
        ({"code": np.full(97, 3e38, np.float32)}, header),
        ({"code": np.zeros(97)}, header),
        ({"code": np.zeros((1, 97), np.float32)}, header),
        ({"other": np.zeros(97, np.float32)}, header),
        ({"code": np.zeros(97, np.float32)}, {}),
        ({"code": np.zeros(97, np.float32)}, {**header, "nst_engine": "[]"}),
        ({"code": np.zeros(97, np.float32)}, {**header, "nst_engine": '{"model": null, "space": "s", "label": "l"}'}),
        (
            {"code": np.zeros(97, np.float32)},
            {**header, "nst_engine": header["nst_engine"].replace('l"}', "l" * 5000 + '"}')},
        ),
        ({"code": np.zeros(97, np.float32)}, {**header, "format": "something else"}),
    ):
        save_file(tensors, path, metadata)
        with pytest.raises(ModelChecksumError, match="damaged, or no style embedding"):
            StyleEmbedding.load(path)


def test_a_label_of_a_stranger_is_printable(embedding: StyleEmbedding, tmp_path: Path) -> None:
    label = "\x1b]0;title\x07"
    path = StyleEmbedding(embedding.code, "m", "s", label).save(tmp_path / "it.safetensors")
    assert StyleEmbedding.load(path).label == "\\x1b]0;title\\x07"
