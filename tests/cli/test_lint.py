"""lint: its exit codes and its formats."""

import json
import subprocess

import pytest
from support.proof import ROOT

from checks.cli import main

pytestmark = pytest.mark.quick

BROKEN = "server {\n  location / {\n    proxy_pass http://127.0.0.1:11200;\n  }\n}\n"


@pytest.fixture
def broken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.conf").write_text(BROKEN)
    return "a,b.conf"


def test_each_format_names_the_line(broken, capsys):
    assert main(["lint", broken, "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    (first,) = [each for each in findings if each["severity"] == "broken"][:1]
    assert (first["file"], first["line"]) == (broken, 3)
    assert (ROOT / "docs" / first["page"]).with_suffix(".md").exists()

    assert main(["lint", broken, "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("::error file=a%2Cb.conf,line=3,title=") for line in lines)

    assert main(["lint", broken, "--format", "sarif"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= known
    assert [each["rule"] for each in findings] == [result["ruleId"] for result in run["results"]]


def test_what_cannot_be_read_is_one_line(tmp_path, capsys):
    deep, other = tmp_path / "deep.conf", tmp_path / "other\x1b[31m.txt"
    deep.write_text("server {" * 5000)
    assert main(["lint", "--as", "nginx", str(deep)]) == 2
    assert capsys.readouterr().err == "checks: the configuration has too many blocks inside each other\n"
    other.write_text("nothing")
    assert main(["lint", str(other)]) == 2
    error = capsys.readouterr().err
    assert error.endswith("other\\x1b[31m.txt: unknown configuration; name its kind with --as\n")
    assert error.count("\n") == 1


def test_the_hook_of_pre_commit_runs_it(broken):
    script = ROOT / "hosting" / "websocket-lint"
    done = subprocess.run([script, broken], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")


GOOD = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;"
INCLUDES = {
    "nginx": {
        "nginx.conf": "http {\n  include conf.d/*.conf;\n  include empty.d/*.conf;\n}\n",
        "conf.d/dss.conf": (
            "server {\n  location / {\n    proxy_pass http://a:1;\n    include /etc/nginx/snippets/ws.inc;\n  }\n}\n"
        ),
        "snippets/ws.inc": f"{GOOD}\nproxy_set_header Host $http_host;\nproxy_hide_header Upgrade;\n",
        "empty.d/readme": "",
    },
    "apache": {
        "httpd.conf": (
            "<VirtualHost *:80>\nProxyPreserveHost On\n"
            "IncludeOptional sites/*.none\nInclude sites/dss.conf\n</VirtualHost>\n"
        ),
        "sites/dss.conf": "ProxyTimeout 3600\n<Location /dip>\nInclude closed.inc\n</Location>\nProxyPass / ws://a:1/\n",
        "sites/closed.inc": "\nRequire all denied\n",
    },
    "caddy": {
        "Caddyfile": "import sites/*.caddy\n",
        "sites/dss.caddy": (
            "http://dss.example.com {\n\timport headers\n\treverse_proxy a:1 {\n\t\tstream_close_delay 1h\n\t}\n}\n"
        ),
        "sites/headers": "encode gzip\nheader -Upgrade\n",
    },
    "squid": {
        "squid.conf": "http_port 80 accel\ncache_peer a parent 1 0 originserver\ninclude conf.d/ws.conf\n",
        "conf.d/ws.conf": "http_upgrade_request_protocols websocket allow all\nreply_header_access Upgrade deny all\n",
    },
}
"""For each kind, a file and those that it includes; the last line of one breaks WebSocket."""
CULPRITS = {
    "nginx": ("snippets/ws.inc", 3, "response-hidden"),
    "apache": ("sites/closed.inc", 2, "answered"),
    "caddy": ("sites/headers", 2, "response-hidden"),
    "squid": ("conf.d/ws.conf", 2, "response-hidden"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for kind, files in INCLUDES.items():
        for name, text in files.items():
            path = tmp_path / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", INCLUDES)
def test_an_included_file_is_read_and_named(kind, capsys):
    first = f"{kind}/{next(iter(INCLUDES[kind]))}"
    file, line, rule = CULPRITS[kind]
    assert main(["lint", first, "--json"]) == 1
    broken = [each for each in json.loads(capsys.readouterr().out) if each["severity"] == "broken"]
    assert [(each["file"], each["line"], each["rule"]) for each in broken] == [(f"{kind}/{file}", line, rule)]
    main(["lint", first])
    printed = capsys.readouterr().out
    assert f"{kind}/{file}   " in printed
    assert "unknown" not in printed


@pytest.mark.parametrize("kind", INCLUDES)
def test_includes_of_standard_input_or_unwanted_ones_are_not_read(kind, folder, capsys, monkeypatch):
    first = folder / kind / next(iter(INCLUDES[kind]))
    main(["lint", str(first), "--as", kind, "--no-follow"])
    unwanted = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", first.open())
    main(["lint", "-", "--as", kind])
    assert "was not given" in unwanted
    assert "was not given" in capsys.readouterr().out


def test_an_absolute_include_is_read_if_no_neighbour_fits(folder, capsys):
    other = folder / "elsewhere" / "dss.conf"
    other.parent.mkdir()
    other.write_text(BROKEN)
    (folder / "nginx" / "main.conf").write_text(f"http {{ include {other}; include main.conf; include gzip.conf; }}\n")
    assert main(["lint", "nginx/main.conf"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(str(other))
    assert "include gzip.conf (line 1) was not given" in printed
    assert "include main.conf" not in printed


@pytest.mark.usefixtures("folder")
def test_a_file_that_another_one_includes_is_reported_once(capsys):
    files = [f"nginx/{name}" for name in INCLUDES["nginx"] if name != "empty.d/readme"]
    assert main(["lint", *files, "--json"]) == 1
    broken = [each for each in json.loads(capsys.readouterr().out) if each["severity"] == "broken"]
    assert len(broken) == 1
