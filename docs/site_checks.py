"""Sphinx extension: formulas without network, and a build that fails on what a reader would miss.

After the build every page is read, as a browser would. The build fails if a link, picture or anchor
leads nowhere, if a page loads something from the network, if an example of the gallery has no
picture of its own, or if one ran for more than a minute.
"""

import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import SphinxError

MAX_SECONDS = 60
_LOADING = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "srcset"}


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.anchors = [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if attributes.get("rel") not in ("canonical", "search") and attributes.get(
            _LOADING.get(tag)
        ):
            self.loaded.append(attributes[_LOADING[tag]].split()[0])

    def has(self, anchor):
        """Return whether a link to the anchor leads somewhere; text fragments always may."""
        return anchor in self.anchors or anchor.startswith(":~:")


def find_problems(folder):
    """Return what is broken in the pages of a folder, one line for each problem."""
    pages = {path: Page(path) for path in folder.rglob("*.html") if "_static" not in path.parts}
    problems = []
    for path, page in pages.items():
        for target in page.links + page.loaded:
            name = f"{path.relative_to(folder)}: {target}"
            if "//" in target:
                if target in page.loaded:
                    problems.append(f"{name} is loaded from the network")
                continue
            if target.startswith(("data:", "mailto:", "javascript:")):
                continue
            file, _, anchor = unquote(target).partition("#")
            found = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not found.exists():
                problems.append(f"{name} does not exist")
            elif anchor and found in pages and not pages[found].has(anchor):
                problems.append(f"{name} has no such anchor")
    return problems


def find_bad_examples(source, times):
    """Return the examples without a picture of their own, and those that are slow."""
    examples = sorted((source / "gallery").glob("plot_*.py"))
    pictures = source / "auto_examples" / "images"
    problems = [
        f"{example.name} shows no picture"
        for example in examples
        if not list(pictures.glob(f"sphx_glr_{example.stem}_001*.png"))
    ]
    # Where other processes use the cores as well, an example takes longer by as much.
    max_seconds = MAX_SECONDS * max(1, os.getloadavg()[2] / os.cpu_count())
    for case in ElementTree.parse(times).iter("testcase"):
        if float(case.get("time")) > max_seconds:
            problems.append(f"{case.get('file')} took {case.get('time')} s")
    return problems


def check_site(app, exception):
    """Fail the build if something is broken."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    problems = find_problems(folder)
    if app.config.plot_gallery and str(app.config.plot_gallery) != "0":
        times = folder / app.config.sphinx_gallery_conf["junit"]
        problems += find_bad_examples(Path(app.srcdir), times)
    if problems:
        raise SphinxError("\n".join(problems))


def _visit_inline(translator, node):
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise SkipNode


def _visit_block(translator, node):
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise SkipNode


def setup(app):
    """Register the renderer of formulas and the checks."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.connect("build-finished", check_site)
    return {"parallel_read_safe": True}
