"""One frame through `WS /v1/live`, as a camera's page sends them: `probe_live.py ADDRESS PHOTO`; 0 if it is painted."""

from __future__ import annotations

import sys
from pathlib import Path

from websockets.sync.client import connect

_PATIENCE_S = 30


def main() -> None:
    """Send it, and wait for the painted one."""
    address, photo = sys.argv[1:]
    with connect(address, proxy=None) as socket:
        socket.send(Path(photo).read_bytes())
        while not isinstance(answer := socket.recv(timeout=_PATIENCE_S), bytes):
            print(answer)
        if not answer.startswith(b"\xff\xd8"):
            raise SystemExit("what came is no JPEG")


if __name__ == "__main__":
    main()
