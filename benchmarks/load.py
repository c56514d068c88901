"""Clients of a service, each a thread with a connection that stays; to be run in a process of its own."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

_BOUNDARY = "nst-engine-load"
_PATIENCE_S = 120.0


def main() -> None:
    """`load.py OPTIONS`: those of `Load`, as JSON; so is its report."""
    options = json.loads(sys.argv[1])
    print(json.dumps(Load(**options).run()))


class Load:
    """So many clients, for so many seconds.

    Args:
        address: Of the service.
        photo: A file, which is uploaded again and again.
        fields: Of the form.
        clients: How many.
        seconds: How long they ask; answers that are late are waited for.
        rate: Requests a second that all of them begin together, whether answers come or not; None: each client asks
            when it has its answer.
    """

    def __init__(
        self,
        *,
        address: str,
        photo: str,
        fields: dict[str, str],
        clients: int,
        seconds: float,
        rate: float | None = None,
    ) -> None:
        self._host, self._seconds, self._clients, self._rate = urlsplit(address).netloc, seconds, clients, rate
        self._body = _form(Path(photo).read_bytes(), fields)
        self._answers: list[tuple[int, float, float]] = []
        self._lost: Counter[str] = Counter()
        self._turn = threading.Lock()
        self._asked = 0

    def run(self) -> dict[str, Any]:
        """Statuses, what was lost, and the times of the pictures in milliseconds."""
        self._begun = time.perf_counter()
        threads = [threading.Thread(target=self._ask) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        painted = [seconds for status, seconds, _ in self._answers if status == 200]
        ended = [end for status, _, end in self._answers if status == 200]
        spent = max(ended, default=self._seconds)
        report: dict[str, Any] = {
            "clients": self._clients,
            "seconds": round(spent, 2),
            "asked": self._asked,
            "answers": dict(Counter(str(status) for status, _, _ in self._answers)),
            "lost": dict(self._lost),
            "pictures_per_s": round(len(painted) / spent, 3),
        }
        if painted:
            ms = 1e3 * np.percentile(painted, (50, 95, 99))
            report["ms"] = {name: round(float(each), 1) for name, each in zip(("p50", "p95", "p99"), ms, strict=True)}
        refused = [seconds for status, seconds, _ in self._answers if status == 503]
        if refused:
            report["refused_ms_p99"] = round(1e3 * float(np.percentile(refused, 99)), 1)
        return report

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, timeout=_PATIENCE_S)
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        while self._has_turn():
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/stylize", self._body, headers)
                answer = connection.getresponse()
                content = answer.read()
                assert answer.status != 200 or content[:2] == b"\xff\xd8"
            except (OSError, http.client.HTTPException, AssertionError) as failed:
                self._lost[type(failed).__name__] += 1
                connection.close()
                continue
            now = time.perf_counter()
            self._answers.append((answer.status, now - started, now - self._begun))
            if answer.status == 503 and self._rate is None:
                time.sleep(0.05)
        connection.close()

    def _has_turn(self) -> bool:
        """Whether there is time for a further request; at a rate, this waits for its moment."""
        with self._turn:
            number, self._asked = self._asked, self._asked + 1
            if self._rate is None:
                is_over = time.perf_counter() - self._begun >= self._seconds
            else:
                is_over = number >= self._seconds * self._rate
            if is_over:
                self._asked -= 1
                return False
        if self._rate is not None:
            time.sleep(max(0.0, self._begun + number / self._rate - time.perf_counter()))
        return True


def _form(photo: bytes, fields: dict[str, str]) -> bytes:
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="p.jpg"\r\n\r\n'.encode()
    return b"".join([*parts, head, photo, f"\r\n--{_BOUNDARY}--\r\n".encode()])


if __name__ == "__main__":
    main()
