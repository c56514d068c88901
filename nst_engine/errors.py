"""The package's exceptions: each is an `NSTError` and also the fitting built-in.

Whatever stranger's names a message holds, it is one printable line: services write it to their logs.

Messages name options as Python does, in backticks: `max_side`, `device='cpu'`. The command line shows them as flags,
see `nst_engine.cli.messages`.
"""

from nst_engine.wording import message_of


class NSTError(Exception):
    """Base of all errors that a caller can mend; the message says how."""

    def __init__(self, problem: str = "") -> None:
        super().__init__(message_of(problem))


class OptionError(NSTError, ValueError):
    """An option has a value that cannot be used.

    Args:
        problem: What came, what was wanted and what to do.
        option: Its name, such as `max_side`, which the message begins with; None: the problem names it, or several.
    """

    def __init__(self, problem: str, *, option: str | None = None) -> None:
        super().__init__(problem if option is None else f"{option}: {problem}")
        self.option = option


class ImageNotFoundError(NSTError, FileNotFoundError):
    """There is no file where a picture was expected."""


class ImageDecodeError(NSTError, ValueError):
    """A picture is empty, truncated, animated, or no picture at all."""


class ImageTooLargeError(NSTError, ValueError):
    """A picture exceeds the limit on bytes or pixels; it was not decoded."""


class ImageEncodeError(NSTError, ValueError):
    """A picture cannot be written in the format asked for."""


class VideoNotFoundError(NSTError, FileNotFoundError):
    """There is no file where a moving picture was expected."""


class VideoDecodeError(NSTError, ValueError):
    """A moving picture is empty, damaged beyond its first frame, a still picture, or no picture at all."""


class VideoEndsBeforeError(VideoDecodeError):
    """A moving picture has no frame where it was to begin, or after it."""


class OutputError(NSTError, OSError):
    """A result cannot be written where it was asked for."""


class StyleNotFoundError(NSTError, LookupError):
    """A style is neither a file nor the name of a bundled painting."""


class ModelNotFoundError(NSTError, FileNotFoundError):
    """Network weights or a model file are not where they were looked for."""


class ModelChecksumError(NSTError, ValueError):
    """Network weights or a model file are damaged or not what they claim to be."""


class ModelSpecError(NSTError, ValueError):
    """A model file does not say, or says wrongly, what goes in and what comes out."""


class ProviderUnavailableError(NSTError, RuntimeError):
    """The device asked for cannot be used here; nothing falls back in silence."""


class MissingDependencyError(NSTError, ImportError):
    """An optional dependency is missing; the message names the extra to install."""


class OptimizationError(NSTError, RuntimeError):
    """The optimisation could not be kept on its feet."""


class ProcessLostError(NSTError, RuntimeError):
    """Another of the processes that share a training has ended."""


class InferenceError(NSTError, RuntimeError):
    """A model failed while it ran, or returned what is no picture."""


class BusyError(NSTError, TimeoutError):
    """`max_concurrency` pictures were in progress until the timeout."""


class JobNotFoundError(NSTError, LookupError):
    """The service has no such job, or no longer."""


class JobStateError(NSTError, RuntimeError):
    """A job of the service has no result: not yet, or never."""


class CancelledError(NSTError, RuntimeError):
    """The work was stopped by its `CancelToken`."""


class OutOfMemoryError(InferenceError, MemoryError):
    """There was not enough memory, of the GPU most often, to run a model on a picture of that size."""


class ModelParityError(NSTError, ArithmeticError):
    """An exported model computes something else than the network it was exported from; it was not written."""
