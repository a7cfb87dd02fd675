"""What the database's driver logs."""

from __future__ import annotations

import logging

import pytest

from murmuration_server.cli.common import DRIVER_LOGGERS, log_to_stderr
from murmuration_server.platform.config import Settings


@pytest.mark.parametrize("name", DRIVER_LOGGERS)
def test_a_node_that_does_not_answer_is_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    log_to_stderr(Settings(), "timeline")
    try:
        raise OSError("refused")
    except OSError:
        logging.getLogger(name).warning("Error connecting to %s", "127.0.0.1:9042", exc_info=True)
    assert caplog.text.splitlines()[-1].endswith("Error connecting to 127.0.0.1:9042")
    assert "Traceback" not in caplog.text
