"""The settings as they are now: the file is read again when it has changed."""

from __future__ import annotations

import logging
from pathlib import Path

from murmuration_server.platform.config import ConfigError, Settings, load

log = logging.getLogger(__name__)


class Reloaded:
    """Called, it answers the settings. A file that has become unusable changes nothing, and is told of once. Raises
    `ConfigError` at the first time only."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._settings: Settings | None = None

    def __call__(self) -> Settings:
        stamp = self._stamp_of_file()
        if self._settings is not None and stamp == self._stamp:
            return self._settings
        self._stamp = stamp
        try:
            self._settings = load(self._path)
        except ConfigError as error:
            if self._settings is None:
                raise
            log.warning("The configuration has changed and is not taken. %s", error)
        return self._settings

    def _stamp_of_file(self) -> tuple[int, int] | None:
        """None where there is none, or where it cannot be read now."""
        try:
            status = self._path.stat() if self._path is not None else None
        except OSError:
            return self._stamp
        return (status.st_mtime_ns, status.st_size) if status is not None else None
