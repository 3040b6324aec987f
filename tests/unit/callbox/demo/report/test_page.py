"""The page of a run needs nothing from outside and shows no plate."""

from collections.abc import Sequence
from html.parser import HTMLParser

from callbox.demo.report.page import render_page
from schemas.ids import fingerprint
from tests.support.demo_run import run_result


class Links(HTMLParser):
    """Collects every address on a page, and whether its tags are in order."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_but_the_redacted_pictures() -> None:
    page = Links()
    page.feed(render_page(run_result(), [], "snapshots"))
    assert page.open == []
    assert page.addresses == [f"snapshots/{fingerprint('frame-1')}.jpg"]


def test_the_page_shows_no_plate_and_no_markup_of_a_device() -> None:
    page = render_page(run_result(), ["<script>"], "snapshots")
    assert "B70Y26" not in page
    assert "<b>P1</b>" not in page
    assert "<script>" not in page


def test_the_page_says_whether_the_run_was_right() -> None:
    assert "2 problems" in render_page(run_result(), ["a", "b"], "snapshots")
    assert "problems" not in render_page(run_result(), [], "snapshots")
