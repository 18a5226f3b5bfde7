"""Names that would be code if a page took them for HTML, and how to read a page."""

import json
import re

CLASSES = ["<script>alert(1)</script>", "</script><b>bold</b>", "a & b"]
COLUMNS = ["<script>alert(2)</script>", "</script>", 'say "x", y', "=1+1", "&lt;", "plain"]


def parse_content(page):
    """Return the JSON of a page."""
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)
    return json.loads(found[1])
