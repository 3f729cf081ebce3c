"""Settings of the site; the sources are in docs/, the frame around them in docs/_ext, _static, _templates."""

import contextlib
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent / "docs" / "_ext"))

# It prints, at import, that the social cards we do not want need matplotlib.
with contextlib.redirect_stdout(None):
    import sphinxext.opengraph  # noqa: F401

project = "WebSocket and Dataiku DSS"
author = "the contributors"
language = "en"
needs_sphinx = "9.0"
nitpicky = True

extensions = [
    "myst_parser",
    "sphinx_design",
    "notfound.extension",
    "sphinxext.opengraph",
    "blanks",  # docs/_ext/blanks.py
    "frame",  # docs/_ext/frame.py
    "proof",  # docs/_ext/proof.py
    "configs",  # docs/_ext/configs.py
    "commands",  # docs/_ext/commands.py
    "console",  # docs/_ext/console.py
]
exclude_patterns = ["_ext", "_static", "_templates"]

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

# The address is known only where the site is published: SITE_URL=https://docs.example.com/ make html
html_baseurl = os.environ.get("SITE_URL", "")
ogp_site_url = html_baseurl or "/"
ogp_social_cards = {"enable": False}
ogp_enable_meta_description = True

# Links that `make linkcheck` leaves out, as patterns, each with the reason.
ignored_links = {
    r"https://my\.f5\.com/": "loads its articles with a script, so a page that is gone answers like any other",
    r"https://support\.citrix\.com/": "loads its articles with a script, so a page that is gone answers like any other",
    r"http://support\.dataiku\.com$": "leads to a sign-in; the address is the one in the documentation of DSS",
}
linkcheck_ignore = list(ignored_links)

# Every other redirect fails the check: the page has moved, and its new address belongs in the page.
allowed_redirects = {
    r"https://learn\.microsoft\.com/(?!en-us/)": (
        r"https://learn\.microsoft\.com/en-us/",
        "adds the language of the reader",
    ),
}
linkcheck_allowed_redirects = {link: target for link, (target, _) in allowed_redirects.items()}
linkcheck_retries = 3

notfound_urls_prefix = urlsplit(html_baseurl).path.rstrip("/") + "/"
notfound_context = {
    "title": "Page not found",
    "body": f"""<h1>Page not found</h1>
<p>No page has this address. Most people look for
<a href="{notfound_urls_prefix}troubleshooting/problems/websockets.html">the WebSocket message</a>;
the menu lists every other page.</p>""",
}
