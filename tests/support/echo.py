"""Run `checks echo`, as behind a proxy."""

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

from support.proof import ROOT


@contextmanager
def running_echo():
    """Run the command for the length of the block; yield its port and its process."""
    command = [sys.executable, "-u", "-m", "checks", "echo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield SimpleNamespace(port=int(line.split(";")[0].rpartition(":")[2]), process=process)
        finally:
            process.kill()
