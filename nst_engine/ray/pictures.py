"""Paints any number of pictures on a cluster."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow.parquet as pq
import ray.data

from nst_engine.errors import OutputError
from nst_engine.files import file_sha256
from nst_engine.limits import DEFAULT_LIMITS, ImageLimits
from nst_engine.models.find import ModelFile, bundled_int8, find_model
from nst_engine.ray.cluster import READING_SHARE, Crew, cluster_errors, connected, crew_for
from nst_engine.ray.inputs import Inputs, Naming, find_inputs, suffix_of
from nst_engine.ray.manifest import Manifest
from nst_engine.ray.options import ClusterOptions
from nst_engine.ray.parquet import PARQUET
from nst_engine.ray.stages import Painting, Reading, Together, Writing
from nst_engine.ray.storage import Place, place_of
from nst_engine.runtimes.options import SessionOptions
from nst_engine.stylize.batch import style_label
from nst_engine.stylize.loaded_model import DEFAULT_MODEL
from nst_engine.stylize.options import StylizeOptions
from nst_engine.stylize.style_choice import Style, StyleChoice
from nst_engine.stylize.stylizer import Stylizer
from nst_engine.version import __version__

#: Files read by one task, and pixels' bytes that one block between the stages has, about.
_FILES, _BLOCK_BYTES = 32, 32 << 20
#: Blocks of which more are made only if each engine has fewer than so many.
_BLOCKS, _BLOCKS_OF_AN_ENGINE = 1000, 4
_FAILURES_TOLD = 20

_AS_IT_IS, _ANY_DEVICE, _NEW_RUN = StylizeOptions(), SessionOptions(), ClusterOptions()


@dataclass(frozen=True)
class ClusterProgress:
    """Progress of a run.

    Attributes:
        done: Pictures painted, those of earlier runs included.
        failed: Pictures that could not be painted, likewise.
        total: Of pictures.
        seconds: Of this run's painting.
        pictures_per_second: Of this run.
    """

    done: int
    failed: int
    total: int
    seconds: float
    pictures_per_second: float


@dataclass(frozen=True)
class ClusterResult:
    """Result of a run.

    Attributes:
        output: Address of the results; `_nst/manifest` below it tells of each picture.
        done: Pictures painted by this run.
        failed: Pictures that could not be painted by this run.
        before: Pictures that earlier runs have painted or failed at, and this one passed over.
        seconds: Of this run.
        failures: The first of them: inputs with their errors.
        left_out: What lies in folders and is no picture, by suffix.
    """

    output: str
    done: int
    failed: int
    before: int
    seconds: float
    failures: Mapping[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def stylize_pictures(
    inputs: str | Sequence[str],
    output: str | os.PathLike[str],
    style: Style = None,
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    stylize: StylizeOptions = _AS_IT_IS,
    session: SessionOptions = _ANY_DEVICE,
    options: ClusterOptions = _NEW_RUN,
    limits: ImageLimits = DEFAULT_LIMITS,
    address: str | None = None,
    on_progress: Callable[[ClusterProgress], None] | None = None,
) -> ClusterResult:
    """Paint pictures with as many engines as a cluster of Ray has room for.

    Only a few pictures are read and not yet written at any time, however many there are; see `ClusterOptions.stages`. A
    picture that cannot be painted is recorded and stops nothing. A worker or a node that dies costs time: what it had
    not finished is done again elsewhere. A run that was cut off is gone on with by `resume`.

    Args:
        inputs: As for `nst_engine.ray.inputs.find_inputs`: pictures, folders, patterns, lists, Parquet; here or in a
            store that fsspec knows. Every node has to see them at the same address.
        output: A folder, here or in a store; or, ending in .parquet, that of a table with the results' bytes.
        style: As for `Stylizer.stylize`.
        model: As for `Stylizer`; a file has to be there on every node.
        stylize: How the pictures are painted.
        session: Of each engine; its `threads` are `options.engine_threads`.
        options: Of the run.
        limits: Of pictures; larger ones are refused before they are decoded.
        address: Of the cluster, see `nst_engine.ray.cluster.connected`.
        on_progress: Called after every few pictures.

    Raises:
        NSTError: What `Stylizer`, `find_inputs`, `Manifest` and `connected` raise; nothing of single pictures.
    """
    begun, place = time.perf_counter(), place_of(os.fspath(output))
    texts = [inputs] if isinstance(inputs, str) else list(inputs)
    engine = asdict(session)
    with Stylizer(model, expected_pictures=1, limits=limits, **_of_driver(engine)) as stylizer:
        choice, name = stylizer.choose_style(style), stylizer.model
    label, suffix = style_label(choice.shares), suffix_of(options.image_format)
    naming = Naming(label, suffix, options.column, options.key_column)
    found = find_inputs(texts, place, naming, limits)
    identity = _identity(find_model(model), name, choice, stylize, {"suffix": suffix, "quality": options.quality})
    manifest = Manifest(place, identity, resume=options.resume, overwrite=options.overwrite)
    left = _left(found, place, manifest, options)
    run = _Run(manifest, found.count, found.count - left.count, on_progress)
    if left.count:
        engine["expected_pictures"] = found.count  # as where one machine paints them: not what is left of them
        painting = {**asdict(stylize), "max_side": None, "style": choice, "model": os.fspath(model), **engine}
        reading, writing = Reading(stylize.max_side, limits), Writing(place, options.quality)
        with connected(address) as can_grow, cluster_errors():
            crew = crew_for(session.device, options, can_grow=can_grow)
            with closing(_outcomes(left, reading, painting, writing, crew)) as outcomes:
                run.take(outcomes)
    else:
        run.take(iter(()))
    before, seconds = found.count - left.count, time.perf_counter() - begun
    return ClusterResult(place.url, run.done, run.failed, before, seconds, run.failures, found.left_out)


class _Run:
    """Takes what the cluster has done, and counts."""

    def __init__(
        self,
        manifest: Manifest,
        total: int,
        before: int,
        on_progress: Callable[[ClusterProgress], None] | None,
    ) -> None:
        self.done = self.failed = 0
        self.failures: dict[str, str] = {}
        self._manifest, self._total, self._before = manifest, total, before
        self._failed_before = len(manifest.failed)
        self._on_progress = on_progress

    def take(self, batches: Iterator[list[dict[str, Any]]]) -> None:
        """Record batches of outcomes until there are no more."""
        with self._manifest.recording():
            begun = time.perf_counter()
            for rows in batches:
                self._manifest.add(rows)
                self._count(rows, begun)

    def _count(self, rows: list[dict[str, Any]], begun: float) -> None:
        bad = [row for row in rows if row["state"] != "done"]
        self.done += len(rows) - len(bad)
        self.failed += len(bad)
        for row in bad[: max(0, _FAILURES_TOLD - len(self.failures))]:
            self.failures[row["input"]] = row["error"]
        if self._on_progress is not None:
            seconds = time.perf_counter() - begun
            painted = self.done + self.failed
            done = self.done + self._before - self._failed_before
            failed = self.failed + self._failed_before
            self._on_progress(ClusterProgress(done, failed, self._total, seconds, painted / seconds))


def _outcomes(
    left: Inputs, reading: Reading, painting: dict[str, Any], writing: Writing, crew: Crew
) -> Generator[list[dict[str, Any]]]:
    """Rows of the manifest, a few pictures at a time, in the order in which they are done."""
    _set_up_data()
    tables = left.in_blocks_of(_files_of_a_block(left.count, crew.engines))
    whole: Any = {"batch_size": None, "batch_format": "numpy"}
    # two batches at once: where one ends, the other has begun
    pool = ray.data.ActorPoolStrategy(
        min_size=1,
        max_size=crew.engines,
        initial_size=crew.engines,
        max_concurrent_calls_per_actor=2,
        enable_true_multi_threading=True,
    )
    engine: Any = {**whole, "compute": pool, **crew.needs}
    if "num_gpus" in crew.needs:
        engine["batch_size"] = _FILES  # which Ray wants to be said for GPUs
    painting = {**painting, "threads": crew.threads}
    dataset = ray.data.from_arrow(tables)
    if crew.is_apart:
        read = dataset.map_batches(reading, num_cpus=READING_SHARE, **whole)
        painted = read.map_batches(Painting, fn_constructor_kwargs=painting, **engine)
        written = painted.map_batches(writing, num_cpus=READING_SHARE, **whole)
    else:
        arguments = {"reading": reading, "writing": writing, **painting}
        written = dataset.map_batches(Together, fn_constructor_kwargs=arguments, **engine)
    batches: Any = iter(written.iter_batches(batch_size=None, batch_format="numpy"))
    with closing(batches):  # or the dataset would go on while its cluster is shut down
        for batch in batches:
            names = list(batch)
            columns = [batch[name].tolist() for name in names]
            yield [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _files_of_a_block(count: int, engines: int) -> int:
    """Few, so that all engines have some; but each block takes the driver 40 kB, whatever is in it."""
    most_blocks = max(_BLOCKS, _BLOCKS_OF_AN_ENGINE * engines)
    return max(1, min(math.ceil(count / (_BLOCKS_OF_AN_ENGINE * engines)), max(_FILES, math.ceil(count / most_blocks))))


def _set_up_data() -> None:
    """Small blocks, and no words on the terminal but ours."""
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = _BLOCK_BYTES
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _left(found: Inputs, place: Place, manifest: Manifest, options: ClusterOptions) -> Inputs:
    """What is left to do; results that a killed run had not recorded any more are.

    Raises:
        OutputError: A new run would replace results of others.
    """
    over = set(manifest.done) if options.retry_failed else manifest.done | manifest.failed
    left = found.without(over)
    is_there = _results(place) if manifest.knows_files else set()
    finished = [(name, result) for name, result in left.outputs() if result in is_there]
    if finished and not options.resume:
        raise OutputError(
            f"{place.url}: {len(finished)} results are there already, such as {finished[0][1]}; take another output, "
            "or begin anew: `overwrite=True`"
        )
    manifest.add([{"input": name, "output": place.below(result).url, "state": "done"} for name, result in finished])
    return left.without({name for name, _ in finished})


def _results(place: Place) -> set[str]:
    """Of results that are in an output, their places below it."""
    if not place.is_folder():
        return set()
    if not place.url.endswith(PARQUET):
        return {path[len(place.path) :].lstrip("/") for path in place.files()}
    found: set[str] = set()
    for path in place.files():
        with place.at(path).open() as file:
            outputs = pq.read_table(file, columns=["output"])["output"].to_pylist()
        found.update(output[len(place.url) :].lstrip("/") for output in outputs)
    return found


def _identity(
    model: ModelFile, name: str, choice: StyleChoice, stylize: StylizeOptions, written: dict[str, Any]
) -> dict[str, Any]:
    """What the pictures depend on."""
    quantised = bundled_int8(model)
    made_of = {
        "model": name,
        "model_sha256": file_sha256(model.path),
        **({"int8_sha256": quantised.sha256} if quantised else {}),
        "style": dict(choice.identity),
        **asdict(stylize),
        **written,
        "nst-engine": __version__,
    }
    version = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
    return {**json.loads(json.dumps(made_of)), "version": version}


def _of_driver(engine: dict[str, Any]) -> dict[str, Any]:
    """For the engine that only chooses the style: the node that drives may have no GPU."""
    return {"device": "cpu"} if engine["device"].startswith(("cuda", "tensorrt")) else engine
