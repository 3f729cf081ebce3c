"""Build pages with the settings of the site, and serve them with its headers."""

import functools
import http.server
import os
import subprocess
import sys

from support import host
from support.proof import ROOT


def sphinx(source, out, **variables):
    """Build the pages of a folder; return the finished process with its warnings."""
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-c", ".", source, out]
    environment = {name: value for name, value in os.environ.items() if name != "SITE_URL"}
    environment |= {"NO_COLOR": "1", **variables}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files with the headers of hosting/_headers, without a log."""

    def end_headers(self):
        for name, value in host.headers().items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_):
        pass


def served(directory):
    """Serve a folder for the length of a block, which gets its URL."""
    return host.serving(functools.partial(Quiet, directory=directory))
