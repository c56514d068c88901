"""`WS /v1/live`: frames of a camera in, the stylized ones out; the newest only."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, fields, replace
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query, WebSocket, WebSocketDisconnect
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nst_engine.color import ColorMode
from nst_engine.errors import BusyError, NSTError, OptionError
from nst_engine.image import encode_image
from nst_engine.motion.frame_stylizer import FrameStylizer
from nst_engine.motion.options import Stability
from nst_engine.server.engine import Engine
from nst_engine.server.known_fields import check_fields
from nst_engine.server.style_form import named_choice
from nst_engine.stylize.stylizer import Stylizer

router = APIRouter(tags=["live"])

SUBPROTOCOL = "nst"
_TRY_LATER, _REFUSED = 1013, 1008
_STATISTICS_S = 1.0
_STYLE = {"style": None, "style_id": None}


@dataclass
class LiveForm:
    """How frames are painted; a dependency of the route."""

    style: Annotated[str | None, Query(description="a name, or a blend as great-wave:0.7,scream:0.3")] = None
    style_id: Annotated[str | None, Query(description="of a style image that was encoded before")] = None
    model: Annotated[str | None, Query()] = None
    strength: Annotated[float, Query(ge=0, le=1)] = 1.0
    stroke_size: Annotated[float, Query(ge=0.1, le=8)] = 1.0
    preserve_color: Annotated[ColorMode | None, Query()] = None
    stability: Annotated[Stability, Query()] = "low"
    max_side: Annotated[int, Query(ge=16, le=4096, description="larger frames are shrunk to it, px")] = 640
    quality: Annotated[int, Query(ge=1, le=100, description="of the JPEG frames that are sent")] = 80


class Change(BaseModel):
    """A text message: how the next frames shall look; what it does not say stays as it was."""

    model_config = ConfigDict(extra="forbid")

    style: str | None = None
    style_id: str | None = None
    strength: float = Field(1.0, ge=0, le=1)
    preserve_color: ColorMode | None = None

    @staticmethod
    def read(text: str) -> Change:
        """From JSON.

        Raises:
            OptionError: It is none, or says something else.
        """
        try:
            return Change.model_validate_json(text)
        except ValidationError as invalid:
            problem = invalid.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"])) or "the message"
            raise OptionError(f"{place}: {problem['msg'].lower()}; wanted such as " + '{"style": "scream"}') from None


@router.websocket("/v1/live")
async def live(socket: WebSocket, form: Annotated[LiveForm, Depends()]) -> None:
    """Paint until the client goes away."""
    engine: Engine = socket.app.state.engine
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    try:
        check_fields(socket.query_params.multi_items(), {each.name: False for each in fields(LiveForm)})
        with engine.live.place():
            stylizer = engine.model(form.model, reads_styles=bool(form.style_id))
            session = await asyncio.to_thread(LiveSession, socket, engine, stylizer, form)
            with contextlib.suppress(WebSocketDisconnect):  # it has gone before anything was painted
                await session.run()
    except BusyError as error:
        await _refuse(socket, error, _TRY_LATER)
    except NSTError as error:
        await _refuse(socket, error, _REFUSED)


async def _refuse(socket: WebSocket, error: NSTError, code: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has gone
        await socket.send_json({"type": "error", "message": str(error)})
        await socket.close(code)


class LiveSession:
    """One connection's frames.

    Args:
        socket: Accepted.
        engine: Of the service.
        stylizer: The model.
        form: How.

    Raises:
        NSTError: No such style; OpenCV is not here and `stability` needs it.
    """

    def __init__(self, socket: WebSocket, engine: Engine, stylizer: Stylizer, form: LiveForm) -> None:
        self._socket, self._engine, self._stylizer, self._form = socket, engine, stylizer, form
        self._painter = FrameStylizer(
            stylizer,
            named_choice(engine, stylizer, form.style, form.style_id),
            stability=form.stability,
            strength=form.strength,
            preserve_color=form.preserve_color,
            stroke_size=form.stroke_size,
            channel_order="rgb",
        )
        self._newest: bytes | None = None
        self._has_come = asyncio.Event()
        self._received = 0

    async def run(self) -> None:
        """Until the client goes away."""
        await self._socket.send_json(
            {"type": "ready", "model": self._stylizer.model, "styles": dict(self._painter.styles)}
        )
        painting = asyncio.create_task(self._paint())
        receiving = asyncio.create_task(self._receive())
        await asyncio.wait({painting, receiving}, return_when=asyncio.FIRST_COMPLETED)
        for task in (painting, receiving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await task

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if (frame := message.get("bytes")) is not None:
                self._newest, self._received = frame, self._received + 1
                self._has_come.set()
            else:
                await self._change(message.get("text") or "")

    async def _change(self, text: str) -> None:
        try:
            change = Change.read(text)
            await asyncio.to_thread(self._restyle, change)
        except NSTError as error:
            await self._socket.send_json({"type": "error", "message": str(error)})

    def _restyle(self, change: Change) -> None:
        said = change.model_dump(exclude_unset=True)
        if said.keys() & _STYLE.keys():  # a new one of either kind takes the place of both
            said = _STYLE | said
        form = replace(self._form, **said)
        choice = named_choice(self._engine, self._stylizer, form.style, form.style_id)
        self._painter.restyle(choice, strength=form.strength, preserve_color=form.preserve_color)
        self._form = form

    async def _paint(self) -> None:
        painted, ms, told_at = 0, 0.0, time.monotonic()
        while True:
            await self._has_come.wait()
            self._has_come.clear()
            frame, self._newest = self._newest, None
            if frame is None:
                continue
            begun = time.perf_counter()
            largest = self._engine.settings.longest_side(self._form.max_side)
            try:
                decoded = await self._engine.decoders.decode(frame, "the frame", max_side=largest)
                content = await asyncio.to_thread(self._painted, decoded.pixels)
            except NSTError as error:
                await self._socket.send_json({"type": "error", "message": str(error)})
                continue
            await self._socket.send_bytes(content)
            self._socket.app.state.monitor.count_frame(self._stylizer.model)
            painted, ms = painted + 1, ms + 1e3 * (time.perf_counter() - begun)
            seconds = time.monotonic() - told_at
            if seconds >= _STATISTICS_S:
                await self._socket.send_json(
                    {
                        "type": "statistics",
                        "frames_per_second": round(painted / seconds, 2),
                        "ms": round(ms / painted, 1),
                        "received": self._received,
                        "painted": painted,
                    }
                )
                painted, ms, self._received, told_at = 0, 0.0, 0, time.monotonic()

    def _painted(self, frame: NDArray[np.uint8]) -> bytes:
        return encode_image(self._painter.stylize_frame(frame), "JPEG", quality=self._form.quality)
