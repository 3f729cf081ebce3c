"""What the page about HTTPS claims."""

import configparser
import ssl
from types import SimpleNamespace

import pytest
import trustme
from conftest import BUILDS, RECIPES
from reader import Reader
from survival import notebook, notifications

from checks.lab.proxy import proxy
from checks.lab.recipe import RECIPES as FOLDER
from checks.lab.standin import stand_in


@pytest.fixture
def identity(tmp_path):
    """A certificate with its chain, without it, and its key, as files; and what trusts their authority."""
    authority = trustme.CA()
    leaf = authority.create_child_ca().issue_cert("localhost")
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "leaf.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    return SimpleNamespace(folder=tmp_path, tls=tls)


@pytest.mark.proves("https-on-the-base-port-carries-sockets")
def test_with_the_published_install_ini_sockets_and_a_notebook_work_over_https(identity):
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
@pytest.mark.parametrize("build", BUILDS["nginx"], ids=str)
def test_a_certificate_without_its_intermediates_is_refused(build, dss, identity):
    recipe = RECIPES["nginx"]
    config = recipe.config(https=True)
    text = config.read_text().replace("/etc/nginx/ssl/dss_server.key", f"{identity.folder}/key.pem")
    for name, complete in (("chain", True), ("leaf", False)):
        there = text.replace("/etc/nginx/ssl/dss_server_cert.pem", f"{identity.folder}/{name}.pem")
        with proxy(recipe, build, config, dss, changed={config: there}) as site:
            reader = Reader(site)
            reader.tls = identity.tls
            if complete:
                assert reader.request("/dip/api/ping")[0].status == 200
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer certificate"):
                    reader.request("/dip/api/ping")
