"""The keys of recipe.toml: their types, what they mean, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Annotated, Literal

from .origins import Builds
from .process import STOP_TIMEOUT
from .schema import Form, Pattern, Version, key

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


def _is_template(text: str) -> bool:
    try:
        return all(name in {None, *VALUES} for _, name, _, _ in Formatter().parse(text))
    except ValueError:
        return False


Template = Annotated[
    str, Form("a template", _is_template, " that has no values but " + ", ".join(f"{{{name}}}" for name in VALUES))
]


@dataclass(frozen=True)
class Unit:
    """What the lab's `systemctl` does with the proxy."""

    reload: Template = key(
        "The shell command that `systemctl reload` runs. `$MAINPID` is the process of the proxy. Without it, a reload"
        " fails.",
        '"kill -HUP $MAINPID"',
        default="exit 1",
    )


@dataclass(frozen=True)
class Blank:
    """A text in the configs that you replace with your own value."""

    means: str = key("What goes there, for the form on the page.", '"the name your users open"')
    lab: Template = key("What the lab puts there.", '"{dss}"')
    kind: Literal["", "host", "name", "path", "port", "text"] = key(
        "What the form accepts, where the text itself does not show it.", '"path"', default=""
    )


@dataclass(frozen=True)
class Needs:
    """What a config or a broken variant needs beyond the usual."""

    since: Version = key("The first version that a config is for, or that shows the mistake.", '"2.4.53"', default="0")
    before: Version = key(
        "The first version that a config is no longer for, or that no longer shows the mistake.",
        '"1.29.7"',
        default=NEWER_THAN_ALL,
    )
    bare: bool = key(
        "Run a broken variant in front of a stand-in without its own nginx, which would hide the mistake.",
        "true",
        default=False,
    )
    drops_after: float = key(
        "Seconds after which a broken variant closes an idle WebSocket, or for `lifetime-limit` any.", "50", default=60
    )
    cookies: int = key("Bytes of cookies that a request must have to show the mistake.", "7000", default=0)


@dataclass(frozen=True)
class Exemption:
    """A conformance check that does not hold."""

    check: str = key("The name of the check in `tests/support/conformance.py`.", '"reloads"')
    because: str = key("Why it cannot hold, for the table of proofs.", '"Envoy cannot reload this file"')
    since: Version = key("The first version on which it does not hold.", '"1.4.79"', default="0")
    before: Version = key("The first version on which it holds again.", '"2.7"', default=NEWER_THAN_ALL)
    scheme: Literal["", "http", "https"] = key("Only for the configs of one scheme.", '"https"', default="")


@dataclass(frozen=True, kw_only=True)
class RecipeFile:
    """A recipe.toml."""

    title: str = key("The name of the proxy, for people.", '"Apache httpd"')
    program: str = key("The executable, as its packages name it.", '"apache2"')
    called: str = key("The command that administrators type, if it is not `program`.", '"apachectl"', default="")
    language: str = key("The language of the configs, for syntax highlighting.", '"apacheconf"', default="text")
    etc: str = key("The folder in which administrators configure the proxy.", '"/etc/apache2"')
    installed_as: str = key("Where `http.*` and `https.*` go.", '"/etc/apache2/sites-available/dss.conf"')
    parts: Mapping[str, str] = key(
        "Where another file of the folder goes. Every config of the recipe needs it.",
        '"/etc/traefik/traefik.yml"',
        default={},
        each="<file>",
    )
    start: Template = key("The command that starts the proxy in the lab.", '"haproxy -W -f {folder}/haproxy.cfg"')
    arguments: tuple[Template, ...] = key(
        "Arguments that the lab puts before those of every command on the page, so that it runs on the lab's copy.",
        '["-f", "{folder}/apache2.conf"]',
        default=(),
    )
    environment: Mapping[str, Template] = key(
        "An environment variable of the proxy.", '"{folder}/config"', default={}, each="<variable>"
    )
    programs: tuple[str, ...] = key(
        "Programs of `checks/lab/programs.toml` that the proxy needs.", '["cc"]', default=()
    )
    patience: float = key("Seconds to wait for the proxy to end before killing it.", "5", default=STOP_TIMEOUT)
    unprivileged: bool = key("Start the proxy as an ordinary user where the lab runs as root.", "true", default=False)
    settles: bool = key("Wait for routes: the proxy opens its ports before it has read them.", "true", default=False)
    unit: Unit = key("The systemd unit of the proxy.", '{ reload = "kill -HUP $MAINPID" }', default=Unit())
    builds: Builds = key("Where builds come from.", "")
    blanks: Mapping[str, Blank] = key(
        "A text in the configs that you replace with your own value. The lab replaces it, and nothing else.",
        '{ means = "the base port of DSS", lab = "{dss}" }',
        default={},
        each="<text>",
    )
    needs: Mapping[str, Needs] = key(
        "What a config or a broken variant needs beyond the usual. A variant has the versions of its config, too.",
        '{ since = "2.4.53" }',
        default={},
        each="<file>",
    )
    exempt: tuple[Exemption, ...] = key(
        "A conformance check that does not hold. A test fails when it holds after all.",
        '[{ check = "reloads", because = "…" }]',
        default=(),
    )
    quiet: Mapping[Pattern, str] = key(
        "Why a line of the proxy's log is not a complaint, by a pattern that it matches.",
        '"a reload"',
        default={},
        each="<pattern>",
    )
    kept: Mapping[str, str] = key(
        "What a line is for although no check fails without it, by `<file>: <line>`.",
        '"nothing in Caddy"',
        default={},
        each="<line>",
    )
    shown: Mapping[Pattern, str] = key(
        "What transcripts show in place of output that differs from run to run, by a pattern.",
        "'\"ts\":1767268800.0'",
        default={},
        each="<pattern>",
    )
