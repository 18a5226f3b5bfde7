"""Settings of the documentation.

Build it from the root of the repository by

    python -m sphinx -W --keep-going -b html docs docs/_build/html

with `-D plot_gallery=0` to leave out the execution of the gallery.
"""

import os
import sys
from pathlib import Path

import skdec

sys.path.append(str(Path(__file__).parent))  # site_checks

project = "skdec"
author = "the skdec developers"
copyright = author
version = release = skdec.__version__

# No intersphinx: its inventories need the network, and a build must succeed without.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "site_checks",
]
exclude_patterns = ["_build", "gallery", "templates"]
templates_path = ["templates"]
default_role = "py:obj"
language = "en"

# References to our own names must resolve; those of other packages cannot.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!skdec\.).*")]

html_theme = "pydata_sphinx_theme"
html_title = "skdec"
html_logo = html_favicon = "images/logo.svg"
html_math_renderer = "mathml"  # of site_checks: browsers draw it themselves
html_show_sourcelink = False
html_static_path = ["styles"]
html_css_files = ["narrow.css"]
# Pages without others beside them have no side navigation.
html_sidebars = {name: [] for name in ("index", "search", "genindex", "py-modindex")}
html_theme_options = {
    "logo": {"text": "skdec"},
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# The examples are executed in their order, each in the build's own process.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Their diagrams of estimators link to the reference of the site that is built; a diagram elsewhere
# has no link, because it cannot know where the site is.
for estimator in (skdec.NeighborClusterer, skdec.DECClusterer, skdec.TablePreparer):
    estimator._doc_link_module = "skdec"
    estimator._doc_link_template = "../generated/skdec.{estimator_name}.html"
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "junit": "examples.xml",  # the seconds of each, for site_checks
    "image_srcset": ["2x"],
}
