"""A real Prometheus scrapes the exporter, which probes real proxies."""

import json
import re

from support.machine import RECIPES

from checks.lab.monitoring_picture import take_config
from checks.lab.prometheus import FILES, exporter, prometheus, scrape_config
from checks.lab.proxy import proxy

NGINX = RECIPES["nginx"]
HTTP, HTTPS = NGINX.config(https=False), NGINX.config(https=True)
MISTAKE = "upgrade-not-forwarded"

MODULES = """
modules:
  dss:
    targets: [{targets}]
    networks: [127.0.0.0/8, "::1/128"]
    ca_file: {authority}
    hold: 0.1
"""


def panels():
    """Return every expression of the dashboard, with its variables filled in."""
    dashboard = json.loads((FILES / "websocket-dashboard.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [re.sub(r"\$instance\b", ".*", target["expr"]) for target in targets]


def test_the_alert_has_the_cause_until_the_repair(bare, tmp_path):
    build = NGINX.newest()
    alerts = (FILES / "websocket-alerts.yml").read_text()
    (tmp_path / "websocket-alerts.yml").write_text(alerts.replace("for: 3m", "for: 1s"))
    with (
        proxy(NGINX, build, HTTP, bare) as healthy,
        proxy(NGINX, build, HTTPS, bare) as secure,
        proxy(NGINX, build, NGINX.variant(MISTAKE), bare) as broken,
    ):
        sites = [healthy.origin, secure.origin, broken.origin]
        modules = MODULES.format(targets=", ".join(sites), authority=secure.authority)
        with (
            exporter(tmp_path, modules) as exporting,
            prometheus(tmp_path, scrape_config(sites, exporting.port)) as server,
        ):
            server.process.wait_until(lambda: server.firing("WebSocketFails"))
            (alert,) = server.firing("WebSocketFails")
            assert (alert["instance"], alert["cause"], alert["hop"]) == (broken.origin, MISTAKE, "reverse proxy")
            assert alert["severity"] == "critical"
            assert console(exporting, broken.origin) == (FILES / "probe.console").read_text()
            server.process.wait_until(lambda: len(server.query("websocket_probe_success == 1")) == 2)

            take_config(broken, healthy)
            server.process.wait_until(lambda: len(server.query("websocket_probe_success == 1")) == 3)
            server.process.wait_until(lambda: not server.firing("WebSocketFails"))
            assert server.query("websocket_probe_cause") == []
            assert server.query('count(ALERTS{alertname!="WebSocketFails", alertstate="firing"})') == []

            expiry = server.query("websocket_probe_certificate_expiry_timestamp_seconds - time()")
            assert [each["metric"]["instance"] for each in expiry] == [secure.origin]
            assert float(expiry[0]["value"][1]) > 0
            silent = [each for each in panels() if not server.query(f"last_over_time(({each})[1m:1s])")]
            assert silent == [], "expected data for every panel of the dashboard"


def console(exporting, target):
    """Return what a user of curl sees, with the values of this run replaced."""
    lines = exporting.get("/probe", target=target, module="dss").decode().splitlines()
    command = "$ curl -s 'http://127.0.0.1:10115/probe?module=dss&target=http://dss.example.com' | grep -v '#'"
    shown = "\n".join([command, *(line for line in lines if not line.startswith("#"))]) + "\n"
    shown = re.sub(r"(duration_seconds) .*", r"\1 0.058", shown)
    return re.sub(r"(stage_seconds\{.*\}) .*", r"\1 0.002", shown)
