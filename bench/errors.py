"""What can go wrong, as one tree. Each message names what it is about and what to do.

::

    BenchError                exit status 1 (`exit_status`)
    ├── UsageError            4: the command line or a sweep file asks for something that cannot be
    ├── MachineError     1: the machine lacks what the run needs (venv, disk, memory, a folder to write to)
    ├── PrepareError          1: a model or artifact could not be made
    │   └── ModelRefused      1: its converter takes no such model; of a load, an unsupported row
    ├── StoreError            1: a run cannot be written or read
    │   └── NewerSchemaError  1: a run was written by a newer version
    └── WorkerError           a row with a status; the run goes on
        ├── WorkerFailed      failed: the backend said what went wrong
        ├── WorkerUnsupported unsupported: the backend said why it cannot be
        ├── WorkerCrashed     crashed: the process died
        └── WorkerTimeout     timeout: it did not answer in time and was stopped
"""

from pathlib import Path


def cause(error: Exception, named: Path | None = None) -> str:
    """The message of ``error``; of an OSError the system's, with its path unless that is ``named`` already.

    ``str`` of an OSError shows the path as a Python literal, so each backslash of Windows twice.
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    path = error.filename
    return f"{error.strerror}: {path}" if isinstance(path, str) and path != str(named) else error.strerror


class BenchError(Exception):
    """Something that the user is told in one line."""

    exit_status = 1


class UsageError(BenchError):
    """The request cannot be; nothing was started."""

    exit_status = 4


class MachineError(BenchError):
    """The machine lacks something that the run needs."""


class PrepareError(BenchError):
    """A model, an artifact or the prompts could not be made."""


class ModelRefused(PrepareError):  # noqa: N818 - named for what happened
    """A converter takes no such model, which it says before it begins."""


class StoreError(BenchError):
    """A run cannot be written or read."""


class NewerSchemaError(StoreError):
    """A run was written with a newer schema than this version reads."""


class WorkerError(BenchError):
    """A worker did not do what it was asked.

    Args:
        error_type: the name of the exception in the worker, or of this class.
        exit_code: of the worker's process, where it has ended.
    """

    status = "failed"

    def __init__(self, message: str, *, error_type: str | None = None, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type or type(self).__name__
        self.exit_code = exit_code


class WorkerFailed(WorkerError):  # noqa: N818 - named for the status that it gives
    """The backend raised an error of its own."""


class WorkerUnsupported(WorkerError):  # noqa: N818 - named for the status that it gives
    """The backend says that this combination cannot be."""

    status = "unsupported"


class WorkerCrashed(WorkerError):  # noqa: N818 - named for the status that it gives
    """The worker's process died."""

    status = "crashed"


class WorkerTimeout(WorkerError):  # noqa: N818 - named for the status that it gives
    """The worker did not answer in time and was stopped."""

    status = "timeout"
