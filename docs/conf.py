"""How Sphinx makes one site of these pages: `make docs`. What they gain on the way is said in site_pages.py."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import seqnet  # noqa: E402

project = html_title = "seqnet"
version = release = seqnet.__version__
language = "en"
extensions = ["myst_parser", "site_pages"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4  # `page.md#a-heading`, as where the pages are read as they stand
nitpicky = True
highlight_language = "none"
smartquotes = False  # sentences are looked for as they are said
html_theme = "furo"
html_show_sourcelink = html_copy_source = False
html_show_copyright = False
