"""Tables in documents say what the code says. `UPDATE_DOCS=1` writes them anew."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tests.docs import generated
from tests.docs.pages import ROOT

MADE = {
    "settings": ("docs/configuration.md", generated.settings),
    "metrics": ("docs/metrics.md", generated.metrics),
    "errors": ("docs/errors.md", generated.errors),
    "parts": ("ARCHITECTURE.md", generated.parts),
}


@pytest.mark.parametrize(("name", "page", "render"), [(name, *made) for name, made in MADE.items()], ids=list(MADE))
def test_the_page_says_what_the_code_says(name: str, page: str, render: Callable[[], str]) -> None:
    path = ROOT / page
    text = path.read_text("utf-8")
    found = re.search(rf"(<!-- {name}: begin [^\n]*-->\n)(.*?)(<!-- {name}: end -->)", text, re.DOTALL)
    assert found, f"{page} has no place for {name}: <!-- {name}: begin (made from …) --> … <!-- {name}: end -->"
    wanted = f"\n{render()}\n\n"
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(text[: found.start(2)] + wanted + text[found.end(2) :], "utf-8")
        return
    mend = "UPDATE_DOCS=1 .venv/bin/python -m pytest tests/docs"
    assert found[2] == wanted, f"{page} is not what the code says. Run {mend}, or paste:\n{wanted}"


def test_every_setting_says_what_it_means() -> None:
    silent = [key for key, field in generated.all_settings().items() if not generated.meaning(key, field)]
    assert not silent, f"give these a description in platform/config.py: {silent}"


def test_no_meaning_is_kept_for_a_setting_that_is_gone() -> None:
    assert generated.MEANINGS.keys() <= generated.all_settings().keys()
