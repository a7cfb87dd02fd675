"""A machine whose clock is wrong, for processes that have this folder in PYTHONPATH (Python imports this at its start).

The file that FAULTS_CLOCK names holds by how many milliseconds; it is looked at each time, so the clock may be set
under a running process. The monotonic clock goes on as it is, as clock_settime(2) leaves it.
"""

import os
import time
from pathlib import Path

_true = time.time_ns
_file = Path(os.environ["FAULTS_CLOCK"])


def _shown() -> int:
    return _true() + int(_file.read_text()) * 1_000_000


time.time_ns = _shown
