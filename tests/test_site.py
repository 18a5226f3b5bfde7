"""The pages of the documentation: links, toctrees, the API reference, the gallery."""

import importlib
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

import skdec

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]
EXAMPLES = sorted((DOCS / "gallery").glob("*.py"))
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.M | re.S)
ESTIMATORS = ("DECClusterer", "NeighborClusterer", "TablePreparer")
LINK = re.compile(r"\]\(\s*([^)\s]+)\s*\)")


def get_id(path):
    return str(path.relative_to(ROOT))


def find_anchors(page):
    """Return the anchors of the headings of a page, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def find_links(page):
    """Return the links of a page to others of the project, without those in code."""
    links = LINK.findall(CODE.sub("", page.read_text()))
    return [link for link in links if not link.startswith(("http://", "https://"))]


def locate(page, target):
    """Return the file that a link leads to; pages of the gallery are made from its examples."""
    path = (page.parent / target).resolve() if target else page
    if path.parent == DOCS / "auto_examples":
        return (
            DOCS
            / "gallery"
            / path.with_suffix(".py").name.replace("index.py", "GALLERY_HEADER.rst")
        )
    return path


@pytest.mark.parametrize("page", [page for page in PAGES if find_links(page)], ids=get_id)
def test_links_lead_to_pages_and_headings(page):
    for link in find_links(page):
        target, _, anchor = link.partition("#")
        path = locate(page, target)
        assert path.exists(), link
        assert not anchor or anchor in find_anchors(path), link


def test_every_page_is_once_in_the_navigation():
    entries = []
    for page in DOCS.glob("*.md"):
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.M | re.S):
            lines = [line for line in tree.splitlines() if line and line[0] != ":"]
            entries += [re.sub(r".*<(.*)>", r"\1", line) for line in lines]
    pages = {path.stem for path in [*DOCS.glob("*.md"), *DOCS.glob("*.rst")]} - {"index"}
    assert Counter(entries) == Counter(pages | {"auto_examples/index", "benchmarks/*"})
    sections = (DOCS / "index.md").read_text().partition(":hidden:")[2].strip().splitlines()
    assert len(sections) <= 6  # with the line that ends them


def list_public_names():
    """Return the public classes and functions, each by its path from `skdec`."""
    modules = [name for name in skdec.__all__ if name in skdec._MODULES]
    names = {f"skdec.{name}" for name in skdec.__all__ if name not in (*modules, "__version__")}
    for module in modules:
        names |= {
            f"skdec.{module}.{name}"
            for name in importlib.import_module(f"skdec.{module}").__all__
            if name not in skdec.__all__  # such as the estimator of `skdec.cluster`
        }
    return names


def test_every_public_name_is_once_in_the_api_reference():
    module, entries = None, []
    for line in (DOCS / "api.rst").read_text().splitlines():
        if line.startswith((".. currentmodule:: ", ".. module:: ")):
            module = line.split(":: ")[1]
        elif entry := re.fullmatch(r"(?:   |\.\. data:: )(\w+)", line):
            entries.append(f"{module}.{entry[1]}")
    assert Counter(entries) == Counter(list_public_names())


def test_examples_are_numbered_in_order():
    numbers = [re.match(r"plot_(\d\d)_", example.name) for example in EXAMPLES]
    assert [int(match[1]) for match in numbers] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_diagrams_of_the_gallery_link_to_the_api_reference(name, monkeypatch):
    estimator = getattr(skdec, name)
    assert estimator()._get_doc_link() == ""
    for changed in ESTIMATORS:
        monkeypatch.setattr(getattr(skdec, changed), "_doc_link_module", "")
        monkeypatch.setattr(getattr(skdec, changed), "_doc_link_template", "")
    runpy.run_path(str(DOCS / "conf.py"))
    link = f"../generated/skdec.{name}.html"
    assert f'href="{link}"' in estimator()._repr_html_()
    # The page is made by autosummary, in a folder beside that of the gallery.
    assert f"\n   {name}\n" in (DOCS / "api.rst").read_text()
