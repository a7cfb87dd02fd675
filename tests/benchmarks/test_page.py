"""docs/results.md and its plots are what the files of rows give."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks import page

AGAIN = "make it anew: make results"


def test_the_page_is_made_from_the_file() -> None:
    assert page.PAGE.read_text("utf-8") == page.render(page.read()), AGAIN


def test_the_plots_are_made_from_the_file() -> None:
    made = page.drawn(page.read())
    assert {path.name: path.read_text("utf-8") for path in page.PLOTS.glob("*.svg")} == made, AGAIN
    for svg in made.values():
        ElementTree.fromstring(svg)


def test_every_plot_is_shown() -> None:
    text = page.PAGE.read_text("utf-8")
    assert all(f"(results/{path.name})" in text for path in page.PLOTS.glob("*.svg"))
