"""Where the service hands in jobs and asks for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, BinaryIO

from nst_engine.errors import BusyError, OutputError
from nst_engine.server.jobs.folder import JobFolder
from nst_engine.server.jobs.job import Job, JobKind, new_identity
from nst_engine.server.jobs.machine import Machine
from nst_engine.server.jobs.runner import JobRunner
from nst_engine.server.jobs.store import JobStore
from nst_engine.server.kept_styles import KeptStyles
from nst_engine.server.settings import ServerSettings

_LOG = logging.getLogger("nst_engine.server.jobs")


class JobDesk:
    """The jobs of a service, which its workers share.

    Args:
        settings: Of the service.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        folder = settings.storage / "jobs"
        self.store = JobStore(
            settings.storage / "jobs.sqlite",
            running=settings.jobs,
            waiting=settings.jobs_waiting,
            time_to_live_s=settings.job_ttl,
        )
        machine = Machine(
            device=settings.device,
            backend=settings.backend,
            precision=settings.precision,
            threads=settings.threads_of_a_worker,
            max_bytes=settings.max_bytes,
            max_pixels=settings.max_pixels,
        )
        self._runner = JobRunner(
            self.store,
            folder,
            machine,
            timeout_s=settings.job_timeout,
            quota_bytes=settings.jobs_quota,
            places=settings.jobs,
            sweep_s=min(30.0, settings.job_ttl),
            also_sweep=KeptStyles(settings.styles_folder).sweep,
        )

    def open(self) -> None:
        """Begin to do what waits; where nothing can be kept, every later call says so."""
        try:
            self.store.prepare()
        except OutputError as error:
            _LOG.warning("no jobs can be done, but pictures are painted: %s", error)
        else:
            self._runner.start()

    def close(self) -> None:
        """Stop; what runs waits for the next start."""
        self._runner.close()
        self.store.close()

    def hand_in(self, kind: JobKind, request: Mapping[str, Any], files: Mapping[str, BinaryIO]) -> Job:
        """A new job.

        Args:
            kind: Of it.
            request: For its process, which finds the files in the job's folder under their names.
            files: Each read from where it stands.

        Raises:
            BusyError: None are done here, or too many wait.
            OutputError: No room on the disk, or in the quota.
        """
        if self._settings.jobs == 0:
            raise BusyError("this service does no jobs; its operator can give it `jobs`")
        self.store.check_room()
        self._check_quota(sum(_size(file) for file in files.values()))
        identity = new_identity()
        folder = self._runner.folder_of(identity)
        folder.make()
        try:
            for name, file in files.items():
                folder.put(name, file)
            folder.write_request({"kind": kind, **request})
            return self.store.add(identity, kind)
        except BaseException:
            folder.remove()
            raise

    def _check_quota(self, size: int) -> None:
        used, quota = self._runner.bytes_used(), self._settings.jobs_quota
        if used + size > quota:
            raise OutputError(
                f"{size:,} bytes came, and {used:,} of the {quota:,} for all jobs are used; try again when older ones "
                "have expired, or delete yours"
            )

    def folder_of(self, identity: str) -> JobFolder:
        """The files of a job.

        Raises:
            JobNotFoundError: It is no identity of a job.
        """
        return self._runner.folder_of(identity)

    def remove(self, identity: str) -> None:
        """Forget a job that has ended, with its files."""
        self.folder_of(identity).remove()  # first: on a full disk, the store may not take the change before
        self.store.remove(identity)


def _size(file: BinaryIO) -> int:
    begin = file.tell()
    end = file.seek(0, 2)
    file.seek(begin)
    return end - begin
