"""The page: one file without references to others, in which names stay text."""

from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_page import CLASSES, COLUMNS, parse_content

import skdec
from skdec._report import escape_json


class Elements(HTMLParser):
    """The elements of a page and their attributes, as a browser reads them."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def page(built):
    return built.to_html()


def test_the_page_needs_no_other_file(page):
    elements = Elements(page).found
    for tag, attributes in elements:
        assert tag not in ("link", "img", "iframe") or attributes.get("href") == "data:,"
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    assert [tag for tag, _ in elements].count("script") == 3


def test_names_are_in_the_json_and_nowhere_else(page):
    content = parse_content(page)
    assert content["title"] == "<script>alert(3)</script>"
    assert content["version"] == skdec.__version__
    assert sorted(column["name"] for column in content["samples"]["columns"]) == sorted(COLUMNS)
    assert content["confusion"]["classes"] == sorted(CLASSES)
    assert "alert(1)" in page
    assert page.count("alert(") == page.count("\\u003cscript\\u003ealert(")


def test_the_logo_is_that_of_the_documentation(page):
    logo = Path(__file__).parents[2] / "docs" / "images" / "logo.svg"
    assert logo.read_text().strip() in page


def test_json_cannot_end_its_element():
    text = escape_json({"</script>": "<!-- & -->"})
    assert not set("<>&") & set(text)
    assert text == r'{"\u003c/script\u003e":"\u003c!-- \u0026 --\u003e"}'
    with pytest.raises(ValueError, match="JSON"):
        escape_json([float("nan")])


def test_the_page_is_written_to_a_file_or_shown_in_a_frame(built, page, tmp_path):
    assert built.to_html(tmp_path / "report.html") is None
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    [(tag, attributes)] = Elements(built._repr_html_()).found
    assert tag == "iframe"
    assert attributes["srcdoc"] == page
    assert unescape(attributes["title"]) == built.title
    assert "samples" not in repr(built)


def test_without_plotly_the_error_names_the_extra(built, monkeypatch):
    monkeypatch.setattr("skdec._report.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install '\.\[plot\]'"):
        built.to_html()
