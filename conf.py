"""Configure the site.

The sources are in docs/, and the layout is in docs/_ext, docs/_static and docs/_templates.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent
sys.path[:0] = [str(ROOT / "docs" / "_ext"), str(ROOT)]

project = "WebSocket and Dataiku DSS"
author = "the contributors"
language = "en"
needs_sphinx = "9.0"
nitpicky = True

extensions = [
    "myst_parser",
    "sphinx_design",
    "notfound.extension",
    "anchors",  # docs/_ext/anchors.py
    "assets",  # docs/_ext/assets.py
    "blanks",  # docs/_ext/blanks.py
    "copies",  # docs/_ext/copies.py
    "frame",  # docs/_ext/frame.py
    "proof",  # docs/_ext/proof.py
    "configs",  # docs/_ext/configs.py
    "commands",  # docs/_ext/commands.py
    "symptoms",  # docs/_ext/symptoms.py
    "lint",  # docs/_ext/lint.py
    "search_index",  # docs/_ext/search_index.py
    "diagrams",  # docs/_ext/diagrams.py
    "fixes",  # docs/_ext/fixes.py
    "charts",  # docs/_ext/charts.py
    "ticket",  # docs/_ext/ticket.py
    "connection",  # docs/_ext/connection.py
    "guide",  # docs/_ext/guide.py
]
exclude_patterns = ["_ext", "_parts", "_static", "_templates"]

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "basic"
html_title = project
html_favicon = "docs/_static/favicon.svg"
html_static_path = ["docs/_static"]
templates_path = ["docs/_templates"]
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_domain_indices = False

# The URL is known only where the site is published: SITE_URL=https://docs.example.com/ make html
html_baseurl = os.environ.get("SITE_URL", "")

# Patterns of links that `make linkcheck` skips, each with the reason.
ignored_links = {
    r"https://my\.f5\.com/": "a script loads the articles, so a missing page looks like any other",
    r"https://support\.citrix\.com/": "a script loads the articles, so a missing page looks like any other",
    r"http://support\.dataiku\.com$": "redirects to a sign-in; the URL is the one in the documentation of DSS",
}
linkcheck_ignore = list(ignored_links)

# Every other redirect fails the check: the page has moved, so link to its new URL.
allowed_redirects = {
    r"https://learn\.microsoft\.com/(?!en-us/)": (
        r"https://learn\.microsoft\.com/en-us/",
        "adds the language of the visitor",
    ),
}
linkcheck_allowed_redirects = {link: target for link, (target, _) in allowed_redirects.items()}
linkcheck_retries = 3

notfound_urls_prefix = urlsplit(html_baseurl).path.rstrip("/") + "/"
notfound_context = {"title": "Page not found"}
notfound_template = "notfound.html"
