"""The clients that docs/languages.md shows are the files that are tested."""

from __future__ import annotations

import pytest

from tests.docs.pages import ROOT, blocks

MOST_LINES = 60


@pytest.mark.parametrize(("language", "file"), [("go", "go/main.go"), ("typescript", "typescript/main.ts")])
def test_what_is_shown_is_what_is_tested(language: str, file: str) -> None:
    code = (ROOT / "clients" / file).read_text("utf-8")
    assert [block.text for block in blocks(ROOT / "docs" / "languages.md") if block.language == language] == [code]
    assert code.count("\n") <= MOST_LINES
