"""The keys of recipe.toml: their types, what they mean, and their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .origins import Builds
from .process import STOP_TIMEOUT
from .schema import Table, Version, form

NEWER_THAN_ALL = "9999"
"""The default of `before`: every version is older."""

VALUES = {
    "folder": "the folder that the lab uses in place of `etc`",
    "root": "the folder that stands for `/` in the build",
    "address": "the IP address to listen on",
    "http": "the port for HTTP",
    "https": "the port for HTTPS",
    "dss": "the port of the stand-in for DSS",
    "certificate": "the certificate with its intermediates, in PEM",
    "key": "the private key, in PEM",
    "bundle": "the certificate, its intermediates and the private key in one file",
}
"""What the lab fills in for `{folder}` and so on."""


Template = Annotated[
    str,
    StringConstraints(pattern=r"^([^{}]|\{\{|\}\}|\{(VALUES)\})*$".replace("VALUES", "|".join(VALUES))),
    form("a template", " that has no values but " + ", ".join(f"{{{name}}}" for name in VALUES)),
]


class Unit(Table):
    """What the lab's `systemctl` does with the proxy."""

    reload: Template = Field(default="exit 1", examples=['"kill -HUP $MAINPID"'])
    """The shell command that `systemctl reload` runs.

    `$MAINPID` is the process of the proxy. Without it, a reload fails.
    """


class Blank(Table):
    """A text in the configs that you replace with your own value."""

    means: str = Field(examples=['"the name your users open"'])
    """What goes there, for the form on the page."""
    lab: Template = Field(examples=['"{dss}"'])
    """What the lab puts there."""
    kind: Literal["", "host", "name", "path", "port", "text"] = Field(default="", examples=['"path"'])
    """What the form accepts, where the text itself does not show it."""


class Needs(Table):
    """What a config or a broken variant needs beyond the usual."""

    since: Version = Field(default="0", examples=['"2.4.53"'])
    """The first version that a config is for, or that shows the mistake."""
    before: Version = Field(default=NEWER_THAN_ALL, examples=['"1.29.7"'])
    """The first version that a config is no longer for, or that no longer shows the mistake."""
    bare: bool = Field(default=False, examples=["true"])
    """Run a broken variant in front of a stand-in without its own nginx, which would hide the mistake."""
    drops_after: float = Field(default=60, examples=["50"])
    """Seconds after which a broken variant closes an idle WebSocket, or for `lifetime-limit` any."""
    cookies: int = Field(default=0, examples=["7000"])
    """Bytes of cookies that a request must have to show the mistake."""


class Exemption(Table):
    """A conformance check that does not hold."""

    check: str = Field(examples=['"reloads"'])
    """The name of the check in `tests/support/conformance.py`."""
    because: str = Field(examples=['"Envoy cannot reload this file"'])
    """Why it cannot hold, for the table of proofs."""
    since: Version = Field(default="0", examples=['"1.4.79"'])
    """The first version on which it does not hold."""
    before: Version = Field(default=NEWER_THAN_ALL, examples=['"2.7"'])
    """The first version on which it holds again."""
    scheme: Literal["", "http", "https"] = Field(default="", examples=['"https"'])
    """Only for the configs of one scheme."""


class RecipeFile(Table):
    """A recipe.toml."""

    title: str = Field(examples=['"Apache httpd"'])
    """The name of the proxy, for people."""
    program: str = Field(examples=['"apache2"'])
    """The executable, as its packages name it."""
    called: str = Field(default="", examples=['"apachectl"'])
    """The command that administrators type, if it is not `program`."""
    language: str = Field(default="text", examples=['"apacheconf"'])
    """The language of the configs, for syntax highlighting."""
    etc: str = Field(examples=['"/etc/apache2"'])
    """The folder in which administrators configure the proxy."""
    installed_as: str = Field(examples=['"/etc/apache2/sites-available/dss.conf"'])
    """Where `http.*` and `https.*` go."""
    parts: Mapping[str, str] = Field(
        default={}, examples=['"/etc/traefik/traefik.yml"'], json_schema_extra={"each": "<file>"}
    )
    """Where another file of the folder goes. Every config of the recipe needs it."""
    start: Template = Field(examples=['"haproxy -W -f {folder}/haproxy.cfg"'])
    """The command that starts the proxy in the lab."""
    arguments: Sequence[Template] = Field(default=(), examples=['["-f", "{folder}/apache2.conf"]'])
    """Arguments that the lab puts before those of every command on the page, so that it runs on the lab's copy."""
    environment: Mapping[str, Template] = Field(
        default={}, examples=['"{folder}/config"'], json_schema_extra={"each": "<variable>"}
    )
    """An environment variable of the proxy."""
    programs: Sequence[str] = Field(default=(), examples=['["cc"]'])
    """Programs of `checks/lab/programs.toml` that the proxy needs."""
    patience: float = Field(default=STOP_TIMEOUT, examples=["5"])
    """Seconds to wait for the proxy to end before killing it."""
    unprivileged: bool = Field(default=False, examples=["true"])
    """Start the proxy as an ordinary user where the lab runs as root."""
    settles: bool = Field(default=False, examples=["true"])
    """Wait for routes: the proxy opens its ports before it has read them."""
    unit: Unit = Field(default=Unit(), examples=['{ reload = "kill -HUP $MAINPID" }'])
    """The systemd unit of the proxy."""
    builds: Builds = Field(examples=['{ version_argument = "-v", debian.trixie = { … } }'])
    """Where builds come from."""
    blanks: Mapping[str, Blank] = Field(
        default={}, examples=['{ means = "the base port of DSS", lab = "{dss}" }'], json_schema_extra={"each": "<text>"}
    )
    """A text in the configs that you replace with your own value. The lab replaces it, and nothing else."""
    needs: Mapping[str, Needs] = Field(
        default={}, examples=['{ since = "2.4.53" }'], json_schema_extra={"each": "<file>"}
    )
    """What a config or a broken variant needs beyond the usual. A variant has the versions of its config, too."""
    exempt: Sequence[Exemption] = Field(default=(), examples=['[{ check = "reloads", because = "…" }]'])
    """A conformance check that does not hold. A test fails when it holds after all."""
    quiet: Mapping[re.Pattern[str], str] = Field(
        default={}, examples=['"a reload"'], json_schema_extra={"each": "<pattern>"}
    )
    """Why a line of the proxy's log is not a complaint, by a pattern that it matches."""
    kept: Mapping[str, str] = Field(default={}, examples=['"nothing in Caddy"'], json_schema_extra={"each": "<line>"})
    """What a line is for although no check fails without it, by `<file>: <line>`."""
    shown: Mapping[re.Pattern[str], str] = Field(
        default={}, examples=["'\"ts\":1767268800.0'"], json_schema_extra={"each": "<pattern>"}
    )
    """What transcripts show in place of output that differs from run to run, by a pattern."""
