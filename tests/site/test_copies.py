"""The Markdown copies, llms.txt, and what the site adds if its URL is known."""

import re

import pytest
from support.proof import ROOT
from support.site import sphinx

pytestmark = [pytest.mark.reads_proof, pytest.mark.quick, pytest.mark.xdist_group("site")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
SOURCE = re.compile(r"^```\{|^:::|\{(?:proven|doc|ref|kbd)\}`|</?(?:div|p|span|svg|details)\b", re.MULTILINE)
CODE = re.compile(r"^( *)(`{3,})[^`\n]*\n.*?^ *\2$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
PAGE = """# A page

First *words*, with `code`.

```{figure} PICTURE
:alt: A picture

Its caption
```

:::{note}
A note
:::

1. one

   ```{literalinclude} some.conf
   :language: nginx
   :caption: /etc/some.conf
   ```
2. two

Term
: Definition of [this page](index.md)

  Another paragraph

| a | b |
|---|---|
| 1 | `2\\|3` |

```{toctree}
:caption: Others

other
```
"""
COPY = """# A page

First *words*, with `code`.

![A picture](_images/favicon.svg)

Its caption

> **Note**
>
> A note

1. one

   `/etc/some.conf`:

   ```nginx
   listen 80;
   ```
2. two

- **Term**: Definition of [this page](#)

  Another paragraph

| a | b |
|---|---|
| 1 | `2\\|3` |

Source: <https://docs.example.com/kb/index.html>
"""


def test_every_page_has_a_copy_without_directives_whose_links_work(site):
    problems = []
    for page in sorted(site.rglob("*.html")):
        if page.name in {"404.html", "search.html"}:
            continue
        copy = page.with_suffix(".md")
        text = copy.read_text(encoding="utf-8")
        prose = CODE.sub("", text)
        problems += [f"{copy.name} has {found}" for found in SOURCE.findall(prose)]
        links = [link.partition("#")[0] for link in LINK.findall(prose) if "://" not in link and link[0] != "#"]
        problems += [f"{copy.name} links to {link}" for link in links if not (copy.parent / link).exists()]
        assert f'href="{copy.name}"' in page.read_text(encoding="utf-8")
    assert problems == []


def test_a_copy_has_the_files_that_the_page_includes(site):
    text = (site / "installation/custom/reverse-proxy/nginx.md").read_text(encoding="utf-8")
    assert (ROOT / "checks/recipes/nginx/https.conf").read_text(encoding="utf-8").strip() in text


def test_llms_txt_lists_every_page_once_with_its_description(site):
    lines = (site / "llms.txt").read_text(encoding="utf-8").splitlines()
    listed = [re.fullmatch(r"- \[(.+)\]\((.+)\): (.+)", line) for line in lines if line.startswith("- ")]
    assert None not in listed
    copies = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.md"))
    assert sorted([found[2] for found in listed]) == [name for name in copies if name != "index.md"]


def test_a_site_with_a_url_has_a_sitemap_and_previews(tmp_path):
    picture = ROOT / "docs" / "_static" / "favicon.svg"
    (tmp_path / "favicon.svg").write_bytes(picture.read_bytes())
    (tmp_path / "some.conf").write_text("listen 80;\n", encoding="utf-8")
    (tmp_path / "index.md").write_text(PAGE.replace("PICTURE", "favicon.svg"), encoding="utf-8")
    (tmp_path / "other.md").write_text("# Other\n\nIts text\n", encoding="utf-8")
    base = "https://docs.example.com/kb/"
    result = sphinx(tmp_path, tmp_path / "out", SITE_URL=base)
    assert result.returncode == 0, result.stdout
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{base}index.html">' in html
    properties = dict(re.findall(r'<meta property="og:([^"]+)" content="([^"]*)">', html))
    assert properties == {
        "type": "website",
        "site_name": "WebSocket and Dataiku DSS",
        "title": "A page",
        "description": "First words, with code.",
        "url": f"{base}index.html",
        "image": f"{base}_images/favicon.svg",
        "image:alt": "A picture",
    }
    sitemap = (tmp_path / "out" / "sitemap.xml").read_text(encoding="utf-8")
    assert re.findall("<loc>(.+)</loc>", sitemap) == [f"{base}index.html", f"{base}other.html"]
    assert f"- [Other]({base}other.md): Its text" in (tmp_path / "out" / "llms.txt").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "index.md").read_text(encoding="utf-8") == COPY
