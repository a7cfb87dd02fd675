"""A clock that is wrong, for processes of one's choice."""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "clock"


class Clock:
    """Of every process that is started with `environment`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_FOLDER), os.environ.get("PYTHONPATH")])),
            "FAULTS_CLOCK": str(file),
        }
        self.set(0)

    def set(self, ms: int) -> None:
        """By how much it is wrong, from now on. Replaced whole: a process may be reading it."""
        draft = self._file.with_suffix(".new")
        draft.write_text(str(ms))
        draft.replace(self._file)
