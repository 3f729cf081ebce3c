"""The files that people copy: each is run by the program that it is for."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from support.server import fake_dss, scripted_server

from checks import cli
from checks.cli.exporter import FILES_PER_PROBE, OTHER_FILES
from checks.exporter.modules import load
from checks.findings import ids
from checks.lab.bench_exporter import PERCENTILES, ExporterCost
from checks.lab.monitoring_picture import draw
from checks.lab.process import OptionalError
from checks.lab.prometheus import FILES, exporter, promtool
from docs._ext.commands import ExporterCost as ExporterTable

ALERTS = YAML(typ="safe").load(FILES / "websocket-alerts.yml")["groups"][0]["rules"]


@pytest.mark.quick
def test_the_modules_are_valid(tmp_path):
    published = (FILES / "modules.yml").read_text()
    for name in ("authorization", "cookies", "proxy-password"):
        (tmp_path / name).write_text("a=b")
    keyless = re.sub(r"(?m)^ +ca_file:.*\n", "", published)  # a certificate of nobody
    (tmp_path / "modules.yml").write_text(keyless)
    modules = load(tmp_path / "modules.yml")
    assert list(modules) == ["dss", "signed-in"]
    assert modules["dss"].hold == 2
    assert modules["signed-in"].headers["Cookie"] == "a=b"
    assert str(modules["signed-in"].proxy) == "http://monitoring@proxy.example.com:3128"


@pytest.mark.quick
def test_every_key_of_a_module_is_shown():
    published = (FILES / "modules.yml").read_text()
    page = (FILES.parents[2] / "docs" / "operations" / "monitoring.md").read_text()
    from checks.exporter.modules import KEYS  # noqa: PLC0415

    assert [key for key in KEYS if key not in published] == []
    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_promtool_accepts_the_configuration_and_the_alerts():
    for arguments in (
        ("check", "config", "--lint-fatal", FILES / "prometheus.yml"),
        ("check", "rules", "--lint-fatal", FILES / "websocket-alerts.yml"),
        ("test", "rules", FILES / "websocket-alerts.test.yml"),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, f"promtool {arguments[:2]} reports:\n{done.stdout}{done.stderr}"


def test_every_alert_has_a_test_that_needs_its_expression(tmp_path):
    tests = (FILES / "websocket-alerts.test.yml").read_text()
    published = (FILES / "websocket-alerts.yml").read_text()
    (tmp_path / "websocket-alerts.test.yml").write_text(tests)
    for rule in ALERTS:
        for old, new in (
            (rule["expr"], "vector(0) > 1"),
            (rule["expr"], "vector(1)"),
            (f"for: {rule['for']}", "for: 9h"),
        ):
            start = published.index(f"alert: {rule['alert']}\n")
            changed = published[:start] + published[start:].replace(old, new, 1)
            (tmp_path / "websocket-alerts.yml").write_text(changed)
            done = promtool("test", "rules", tmp_path / "websocket-alerts.test.yml")
            assert done.returncode, f"{rule['alert']}: expected a test to fail with {new!r}"


def test_promtool_finds_nothing_to_change_in_the_metrics(tmp_path):
    with scripted_server(fake_dss()) as port:
        text = f"modules: {{dss: {{targets: ['http://127.0.0.1:{port}'], hold: 0.1}}}}"
        with exporter(tmp_path, text) as server:
            pages = [server.get("/probe", target=f"http://127.0.0.1:{port}"), server.get("/metrics")]
    for page in pages:
        done = promtool_check(page)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def promtool_check(page):
    """Return the result of `promtool check metrics` for a page."""
    return promtool("check", "metrics", given=page.decode())


METRIC = re.compile(r"\bwebsocket_(?:probe|exporter)_\w+")


@pytest.mark.quick
def test_every_metric_that_a_file_names_exists_and_is_described():
    sources = "".join(path.read_text() for path in FILES.parent.glob("*.py"))
    page = (FILES.parents[2] / "docs" / "operations" / "monitoring.md").read_text()
    for path in [*FILES.iterdir(), FILES.parents[2] / "docs" / "operations" / "monitoring.md"]:
        for name in set(METRIC.findall(path.read_text())):
            suffix = re.sub(r"^websocket_(probe|exporter)_", "", name)
            plain = re.sub(r"_(total|info|bucket|sum|count)$", "", suffix)
            assert f'"{suffix}"' in sources or re.search(rf'[_"]{plain}"', sources), (
                f"{path.name}: unknown metric {name}"
            )
            assert f"`{name}`" in page, f"docs/operations/monitoring.md: expected {name}, which {path.name} uses"


def lost(given, kept, where=""):
    """Yield each place of `given` that has no equal in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from lost(value, kept.get(key), f"{where}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{where}[{number}]")
    elif given != kept:
        yield where


def through_the_model(dashboard):
    """Return a dashboard as Grafana's own model of panels and queries writes it."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415  # slow to import
    from grafana_foundation_sdk.cog.plugins import register_default_plugins  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415

    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


@pytest.mark.filterwarnings("ignore:Prefer using dashboardv2")  # which Grafana 12 reads as well
@pytest.mark.quick
def test_the_dashboard_fits_the_model_of_grafana():
    dashboard = json.loads((FILES / "websocket-dashboard.json").read_text())
    assert list(lost(dashboard, through_the_model(dashboard))) == []
    wrong = json.loads(json.dumps(dashboard))
    wrong["panels"][0]["gridPosition"] = wrong["panels"][0]["options"]["color"] = 1
    wrong["panels"][1]["targets"][0]["expression"] = "up"
    expected = [".panels[0].options.color", ".panels[0].gridPosition", ".panels[1].targets[0].expression"]
    assert sorted(lost(wrong, through_the_model(wrong))) == sorted(expected)


@pytest.mark.quick
def test_the_panels_have_titles_and_their_own_places():
    panels = json.loads((FILES / "websocket-dashboard.json").read_text())["panels"]
    taken = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith((".", "CAUSE"))
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.quick
def test_alerts_name_no_unknown_cause():
    named = re.findall(r'cause="([a-z-]+)"', "".join(path.read_text() for path in FILES.iterdir()))
    assert named
    assert set(named) <= {*ids(), "undecided"}


def test_systemd_accepts_the_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        raise OptionalError("systemd-analyze is not installed; it comes with systemd")
    unit = tmp_path / "websocket-exporter.service"
    unit.write_text((FILES / "websocket-exporter.service").read_text().replace("/usr/bin/python3", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def commands_in_files():
    """Return the command line of the unit and of the container."""
    unit = re.search(r"(?m)^ExecStart=(.*)$", (FILES / "websocket-exporter.service").read_text())[1]
    container = re.search(r"(?m)^ENTRYPOINT (.*)$", (FILES / "Containerfile").read_text())[1]
    return [shlex.split(unit), json.loads(container)]


@pytest.mark.quick
def test_the_commands_in_the_files_are_valid():
    parser, _ = cli.parsers(cli.commands("exporter"))
    for command in commands_in_files():
        assert Path(command[0]).name == "python3"
        assert Path(command[2]).name == "websocket-doctor.pyz"
        arguments = parser.parse_args(command[3:])
        assert arguments.config == Path("/etc/websocket-exporter/modules.yml")
        wanted = arguments.max_probes * FILES_PER_PROBE + OTHER_FILES
        assert wanted <= 8192, "expected LimitNOFILE of the unit to suffice"


@pytest.mark.quick
def test_the_container_has_no_root_and_one_program():
    lines = [line for line in (FILES / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    steps = [line.split()[0] for line in lines]
    assert steps == ["FROM", "COPY", "USER", "EXPOSE", "ENTRYPOINT"]
    assert re.fullmatch(r"FROM docker\.io/library/python:3\.\d+-slim", lines[0])
    assert lines[2] == "USER 65534:65534"
    assert lines[3] == f"EXPOSE {cli.commands('exporter')['exporter'].PORT}"


@pytest.mark.quick
def test_the_page_shows_every_figure_of_the_benchmark():
    percentiles = {str(each): each / 100 for each in PERCENTILES} | {"50": 0.005}
    cost = ExporterCost(20_000, 3, 18_999, 19_000, percentiles, percentiles, (50.4, 51.6, 60.0), 0.25)
    lines = list(ExporterTable.table({"minutes": 10, "cores": 2, "costs": {"exporter": asdict(cost)}}))
    assert lines[0] == "| 10 minutes each | exporter |"
    shown = dict(line.strip("| ").split(" | ") for line in lines[2:] if line.startswith("|"))
    assert shown["probes lost"] == "3"
    assert shown["healthy targets that succeeded"] == "18,999 of 19,000"
    assert shown["hostile targets, 99 %"] == "0.99 s"
    assert shown["healthy targets, median"] == "5 ms"
    assert shown["memory, early and at the end"] == "50 and 52 MB"
    assert shown["CPU"] == "0.25 cores"


@pytest.mark.quick
def test_the_picture_has_a_line_for_each_span():
    rows = {
        "a.example.com": [("works", 0, 8), ("idle-timeout", 8, 16)],
        "Alert": [("pending", 9, 12), ("firing", 12, 16)],
    }
    for width in (328, 736):
        drawing = draw(rows, width)
        assert [drawing.count(f'class="{kind}"') for kind in ("ok", "bad", "thin", "cross")] == [1, 2, 1, 2]
        assert "idle-timeout" in drawing
        assert f'viewBox="0 0 {width} ' in drawing
