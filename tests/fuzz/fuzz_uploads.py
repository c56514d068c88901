"""Uploads mutations of real files to a service that it starts, and says what came of them.

python tests/fuzz/fuzz_uploads.py --count 10000 --seed 1

Seven in ten are photos, one in ten style images, one in ten style images to be encoded, and one in ten whole requests
whose bytes were changed anywhere after the headers. An answer of 5xx, or a service that ends, ends the run with 1; the
upload is kept in build/.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from server.mutations import mutated, whole_files  # noqa: E402
from server.running import Service, service  # noqa: E402

_SMALL = {"style": "scream", "max_side": "64"}


def main() -> int:
    """Start, upload, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder), "--models", "live,any-fast") as running,
    ):
        return uploaded(running, arguments.count, arguments.seed)


def uploaded(running: Service, count: int, seed: int) -> int:
    """The exit code."""
    files = whole_files()
    whole = list(files.values())
    begun, slowest, statuses = time.monotonic(), 0.0, collections.Counter[int]()
    with httpx.Client(base_url=running.address, timeout=60) as client, ThreadPoolExecutor(2) as threads:

        def one(number: int) -> tuple[int, int, float]:
            rng = np.random.default_rng((seed, number))
            request = request_of(client, number, mutated(whole[number % len(whole)], whole, rng), rng)
            start = time.monotonic()
            return number, client.send(request).status_code, time.monotonic() - start

        for number, status, seconds in threads.map(one, range(count)):
            statuses[status] += 1
            slowest = max(slowest, seconds)
            if status >= 500:
                rng = np.random.default_rng((seed, number))
                kept = ROOT / "build" / f"upload-{seed}-{number}"
                kept.parent.mkdir(exist_ok=True)
                kept.write_bytes(mutated(whole[number % len(whole)], whole, rng))
                print(f"{status}: {kept}")
        is_well = client.get("/healthz").status_code == 200 and running.process.poll() is None
    died = running.log.read_text().count("ended what decoded it")
    print(
        f"{count} uploads of {len(files)} kinds in {time.monotonic() - begun:.0f} s: "
        + ", ".join(f"{amount} × {status}" for status, amount in sorted(statuses.items()))
        + f"; the slowest took {slowest:.2f} s; decoders that died: {died}; the service is well: {is_well}"
    )
    return 0 if is_well and max(statuses) < 500 else 1


def request_of(client: httpx.Client, number: int, content: bytes, rng: np.random.Generator) -> httpx.Request:
    """One of the four kinds."""
    kind = number % 10
    if kind == 0:
        return client.build_request("POST", "/v1/styles/encode", files={"style_image": content})
    if kind == 1:
        files = {"photo": whole_files()["JPEG"], "style_image": content}
        return client.build_request("POST", "/v1/stylize", files=files, data={"max_side": "64"})
    request = client.build_request("POST", "/v1/stylize", files={"photo": content}, data=_SMALL)
    if kind == 2:
        body = mutated(request.read(), [content], rng)
        headers = {"Content-Type": request.headers["content-type"]}
        return client.build_request("POST", "/v1/stylize", content=body, headers=headers)
    return request


if __name__ == "__main__":
    sys.exit(main())
