"""What the page about HTTPS on DSS claims."""

import configparser
import ssl
from types import SimpleNamespace

import pytest
from support.conformance import notebook, notifications
from support.machine import RECIPES, for_each_build
from support.reader import Reader

from checks.lab.proxy import proxy
from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.standin import stand_in


@pytest.mark.proves("https-on-the-base-port-carries-sockets")
def test_with_the_published_install_ini_websockets_work_over_https(identity):
    """With the published install.ini, WebSocket works over HTTPS."""
    settings = configparser.ConfigParser()
    settings.read(FOLDER / "dss" / "install.ini")
    server = dict(settings["server"])
    assert sorted(server) == ["port", "ssl", "ssl_certificate", "ssl_certificate_key", "ssl_ciphers"]
    server |= {"ssl_certificate": f"{identity.folder}/chain.pem", "ssl_certificate_key": f"{identity.folder}/key.pem"}
    with stand_in(server=server) as dss:
        site = SimpleNamespace(port=dss.port, tls=identity.tls, origin=f"https://localhost:{dss.port}", dss=dss)
        notifications(site)
        notebook(site)


@pytest.mark.proves("a-chain-without-intermediates-is-refused")
@for_each_build("nginx")
def test_a_certificate_without_its_intermediates_is_rejected(build, dss, identity):
    """A certificate without its intermediate certificates is rejected."""
    recipe = RECIPES["nginx"]
    config = recipe.config(https=True)
    text = config.read_text().replace("/etc/nginx/ssl/dss_server.key", f"{identity.folder}/key.pem")
    for name, complete in (("chain", True), ("leaf", False)):
        with_certificate = text.replace("/etc/nginx/ssl/dss_server_cert.pem", f"{identity.folder}/{name}.pem")
        with proxy(recipe, build, config, dss, changed={config: with_certificate}) as site:
            reader = Reader(site)
            reader.tls = identity.tls
            if complete:
                assert reader.request("/dip/api/ping")[0].status == 200
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
                    reader.request("/dip/api/ping")
