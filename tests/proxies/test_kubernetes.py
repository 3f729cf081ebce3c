"""The manifests of the page about Kubernetes.

Traefik reads them as they are, from a stand-in for the API of Kubernetes. For the controllers that are not here, nginx,
Envoy and HAProxy run the config that such a controller writes for its manifest.
"""

import asyncio
import contextlib
import hashlib
import json
from types import SimpleNamespace

import pytest
import yaml
from support import conformance
from support.kubernetes import api, documents, secret
from support.machine import RECIPES, every, for_each_build, require
from support.observe import evidence_of
from support.proof import ROOT
from support.reader import Reader

from checks.findings import diagnose
from checks.lab.process import is_listening, on_free_ports, running, workspace
from checks.lab.proxy import proxy
from checks.probe import Target, look

FOLDER = ROOT / "checks" / "snippets" / "kubernetes"
MANIFESTS = sorted(set(FOLDER.glob("*.yaml")) - {FOLDER / "traefik-values.yaml"})

SERVED = (
    *("page", "redirects_to_https", "addresses", "host", "forwarded_proto", "http_1_1", "cookies"),
    *("handshake_headers", "connection_header", "notifications", "messages", "large_messages", "notebook"),
)
"""The conformance checks that a manifest must pass, without those that the pages of the proxies have tested."""


@pytest.mark.quick
def test_manifests_are_as_validated():
    validated = json.loads((FOLDER / "validated.json").read_text())["files"]
    now = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MANIFESTS}
    assert now == validated, "run checks/snippets/kubernetes/validate.mjs, which checks every field against the schemas"


@pytest.mark.quick
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_the_names_in_a_manifest_belong_together(path):
    entries = list(yaml.safe_load_all(path.read_text()))
    services = [entry for entry in entries if entry["kind"] == "Service"]
    ports = {port["name"] for entry in services for port in entry["spec"]["ports"]}
    slices = [entry for entry in entries if entry["kind"] == "EndpointSlice"]
    for entry in slices:
        assert entry["metadata"]["labels"]["kubernetes.io/service-name"] == "dss"
        assert {port["name"] for port in entry["ports"]} == ports
    # The load balancer of AWS sends requests to pods, so its Service is that of the pods.
    assert bool(slices) == (path.stem != "aws-load-balancer-controller")
    assert "dss.example.com" in path.read_text()
    for annotations in (entry["metadata"].get("annotations", {}) for entry in entries):
        assert all(isinstance(value, str) for value in annotations.values()), "Kubernetes rejects other annotations"


CLASSES = [
    {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "example"},
        "spec": {"controllerName": "traefik.io/gateway-controller"},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"},
    },
]
"""What an administrator of the cluster has installed with the controller."""

PROVIDERS = {"traefik": "kubernetesCRD", "gateway-api": "kubernetesGateway", "ingress-nginx": "kubernetesIngressNGINX"}
"""The part of Traefik that reads a manifest."""


@contextlib.contextmanager
def traefik(build, name, dss, identity, changed=None):
    """Run Traefik on a manifest, with the arguments of traefik-values.yaml.

    `changed` replaces some of its text.
    """
    require(build)
    pem = (identity.folder / "chain.pem").read_bytes(), (identity.folder / "key.pem").read_bytes()

    def start(http, https):
        replaced = {"192.0.2.10": "127.0.0.1", "11200": str(dss.port), "dss.example.com": "localhost"}
        if name == "gateway-api":
            replaced |= {"port: 443": f"port: {https}", "port: 80\n      protocol": f"port: {http}\n      protocol"}
        entries = documents(FOLDER / f"{name}.yaml", replaced | (changed or {}))
        url = stack.enter_context(api(*entries, *CLASSES, secret("dss-tls", *pem)))
        options = yaml.safe_load((FOLDER / "traefik-values.yaml").read_text())["additionalArguments"]
        options += [f"--providers.{PROVIDERS[name]}.endpoint={url}", "--global.checkNewVersion=false"]
        options += [f"--entryPoints.web.address=127.0.0.1:{http}", f"--entryPoints.websecure.address=127.0.0.1:{https}"]
        process = stack.enter_context(running([build.path, *options], stack.enter_context(workspace()), "traefik"))
        process.wait_until(lambda: is_listening(https))
        site = SimpleNamespace(
            origin=f"https://localhost:{https}", port=https, http=http, https=https, tls=identity.tls, dss=dss
        )
        site.process, site.folder, site.config = process, identity.folder, RECIPES["traefik"].config(https=True)
        process.wait_until(lambda: answers(site))
        return site

    with contextlib.ExitStack() as stack:
        yield on_free_ports(2, start)


def answers(site):
    """Return whether Traefik has read the manifest and its certificate."""
    with contextlib.suppress(OSError):
        return Reader(site).request("/dip/api/ping")[0].status in {200, 503}


def failures(site):
    """Return what failed, by conformance check."""
    failed = {}
    for check in SERVED:
        try:
            getattr(conformance, check)(site)
        except AssertionError as error:
            failed[check] = str(error)
    status = Reader(site).request("/dip/lab/upload", "POST", bytes(3 << 20))[0].status
    return failed if status == 200 else {**failed, "upload": f"expected 200, got {status}"}


def named(evidence):
    """Return the ids of the causes that `diagnose` names."""
    return [finding.id for finding in diagnose(evidence).findings]


@pytest.mark.proves("kubernetes-manifests-open-websockets")
@pytest.mark.parametrize("name", PROVIDERS)
@for_each_build("traefik")
def test_traefik_serves_dss_as_a_manifest_declares(build, name, dss, identity):
    with traefik(build, name, dss, identity) as site:
        assert failures(site) == {}
        assert named(asyncio.run(look(Target(site.origin, tls=site.tls)))) == ["works"]


@for_each_build("traefik")
def test_another_host_from_traefik_breaks_only_notebooks(build, dss, identity):
    line = "          port: http\n  tls:"
    host = {line: line.replace("\n", "\n          passHostHeader: false\n")}
    with traefik(build, "traefik", dss, identity, host) as site:
        assert named(evidence_of(site)) == ["host-not-preserved"]


@for_each_build("traefik")
def test_traefik_ignores_an_endpoint_that_is_not_marked_as_ready(build, dss, identity):
    unmarked = {"    conditions:\n      ready: true\n": ""}
    with traefik(build, "gateway-api", dss, identity, unmarked) as site:
        assert Reader(site).request("/dip/api/ping")[0].status == 503


PREFIX = "nginx.ingress.kubernetes.io/"
DEFAULTS = {
    "proxy-body-size": "1m",
    "proxy-buffering": "off",
    "proxy-max-temp-file-size": "1024m",
    "proxy-read-timeout": "60",
    "proxy-request-buffering": "on",
    "proxy-send-timeout": "60",
    "upstream-vhost": "$http_host",
}
"""What ingress-nginx uses for annotations that an Ingress does not have (its user guide)."""

LOCATION = """location / {
        client_max_body_size %(proxy-body-size)s;
        proxy_set_header Host %(upstream-vhost)s;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Proxy "";
        proxy_send_timeout %(proxy-send-timeout)ss;
        proxy_read_timeout %(proxy-read-timeout)ss;
        proxy_buffering %(proxy-buffering)s;
        proxy_buffer_size 4k;
        proxy_buffers 4 4k;
        proxy_max_temp_file_size %(proxy-max-temp-file-size)s;
        proxy_request_buffering %(proxy-request-buffering)s;
        proxy_http_version 1.1;
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 3;
        proxy_pass http://upstream_balancer;
        proxy_redirect off;
    }
}

upstream upstream_balancer {
    server DSS_HOST:DSS_PORT;
    keepalive 320;
}
"""
"""The directives that ingress-nginx writes about requests, without its scripts in Lua."""


def location_of(**changed):
    """Return the config of nginx for the Ingress of the page, with other annotations."""
    entries = yaml.safe_load_all((FOLDER / "ingress-nginx.yaml").read_text())
    ingress = next(entry for entry in entries if entry["kind"] == "Ingress")
    annotations = ingress["metadata"]["annotations"]
    own = {name.removeprefix(PREFIX): value for name, value in annotations.items()}
    assert own.keys() <= DEFAULTS.keys(), "nginx would not get an annotation: add it to DEFAULTS and LOCATION"
    values = DEFAULTS | own | {name.replace("_", "-"): value for name, value in changed.items()}
    config = RECIPES["nginx"].config(https=True)
    before, found, _ = config.read_text().partition("location / {")
    assert found
    return config, before.replace('""      close;', '""      "";') + LOCATION % values


NGINX_MISTAKES = {
    "works": {},
    "host-not-preserved": {"upstream_vhost": "dss.internal"},
}
"""The cause that an annotation leads to."""


@pytest.mark.proves("kubernetes-manifests-open-websockets")
@pytest.mark.parametrize("cause", NGINX_MISTAKES)
@pytest.mark.parametrize("build", every("nginx")[-1:], ids=str)
def test_nginx_serves_dss_with_the_config_of_an_ingress(build, cause, dss):
    config, text = location_of(**NGINX_MISTAKES[cause])
    with proxy(RECIPES["nginx"], build, config, dss, changed={config: text}) as site:
        if cause == "works":
            assert failures(site) == {}
        assert named(evidence_of(site)) == [cause]


# What Istio adds to the config of the page about Envoy: pilot/pkg/networking/core/listener_builder.go.
ISTIO = {
    "stat_prefix: dss\n": "stat_prefix: dss\n          stream_idle_timeout: 0s\n          normalize_path: true\n",
    "timeout: 3600s }": "timeout: 0s }",
    "common_tls_context:\n": "common_tls_context:\n            alpn_protocols: [h2, http/1.1]\n",
}

ISTIO_MISTAKES = {
    "works": {},
    "host-not-preserved": {"timeout: 0s }": "timeout: 0s, host_rewrite_literal: dss.default.svc.cluster.local }"},
}
"""What a field of a VirtualService writes: `rewrite.authority`."""


@pytest.mark.proves("kubernetes-manifests-open-websockets")
@pytest.mark.parametrize("cause", ISTIO_MISTAKES)
@for_each_build("envoy")
def test_envoy_serves_dss_with_the_config_of_a_virtualservice(build, cause, dss):
    """Envoy serves DSS with the config that Istio writes."""
    config = RECIPES["envoy"].config(https=True)
    text = config.read_text()
    for old, new in [*ISTIO.items(), *ISTIO_MISTAKES[cause].items()]:
        assert old in text, f"{config.name} has no {old!r}: name a part that it has"
        text = text.replace(old, new)
    with proxy(RECIPES["envoy"], build, config, dss, changed={config: text}) as site:
        if cause == "works":
            assert failures(site) == {}
        assert named(evidence_of(site)) == [cause]


ROUTER = """defaults
    log global
    option httplog
    timeout connect 5s
    timeout client 30s
    timeout client-fin 1s
    timeout server 30s
    timeout server-fin 1s
    timeout http-request 10s
    timeout http-keep-alive 300s
    timeout tunnel 1h

frontend public
    bind :80
    mode http
    tcp-request inspect-delay 5s
    tcp-request content accept if HTTP
    http-request del-header Proxy
    http-request set-header Host %%[req.hdr(Host),lower]
    redirect scheme https if { hdr(host),field(1,:) -i dss.example.com }

frontend public_ssl
    bind :443
    mode tcp
    option tcplog
    tcp-request inspect-delay 5s
    tcp-request content accept if { req_ssl_hello_type 1 }
    use_backend be_sni if { req.ssl_sni -m found }

backend be_sni
    mode tcp
    server fe_sni abns@%(socket)s weight 1 send-proxy

frontend fe_sni
    bind abns@%(socket)s ssl crt /etc/haproxy/certs/dss.pem accept-proxy
    mode http
    http-request del-header Proxy
    http-request set-header Host %%[req.hdr(Host),lower]
    use_backend be_edge_http:dss if { hdr(host),field(1,:) -i dss.example.com }

backend be_edge_http:dss
    mode http
    option redispatch
    option forwardfor
    balance random
    timeout server %(timeout)s
    timeout check 5000ms
    http-request add-header X-Forwarded-Host %%[req.hdr(host)]
    http-request add-header X-Forwarded-Port %%[dst_port]
    http-request add-header X-Forwarded-Proto http if !{ ssl_fc }
    http-request add-header X-Forwarded-Proto https if { ssl_fc }
    http-request add-header X-Forwarded-Proto-Version h2 if { ssl_fc_alpn -i h2 }
    http-request add-header Forwarded for=%%[src];host=%%[req.hdr(host)];proto=%%[req.hdr(X-Forwarded-Proto)]
    cookie routing insert indirect nocache httponly secure attr SameSite=None
    server pod:dss-1 DSS_HOST:DSS_PORT cookie dss-1 weight 1
"""
"""What the router of OpenShift writes for an Ingress with HTTPS, with conditions instead of its maps of host names."""


@pytest.mark.proves("kubernetes-manifests-open-websockets")
@pytest.mark.parametrize("build", every("haproxy", since="2.8", before="2.9"), ids=str)
def test_haproxy_serves_dss_with_the_config_of_openshift(build, dss):
    entries = yaml.safe_load_all((FOLDER / "openshift.yaml").read_text())
    annotations = next(entry for entry in entries if entry["kind"] == "Ingress")["metadata"]["annotations"]
    values = {"timeout": annotations.pop("haproxy.router.openshift.io/timeout"), "socket": f"router-{dss.port}"}
    assert not annotations, "HAProxy would not get an annotation: add it to ROUTER"
    config = RECIPES["haproxy"].config(https=True)
    with proxy(RECIPES["haproxy"], build, config, dss, changed={config: ROUTER % values}) as site:
        assert failures(site) == {"redirects_to_https": "got 302, expected a permanent redirect"}
        assert named(evidence_of(site)) == ["works"]
