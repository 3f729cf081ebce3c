"""The private apt needs only the mirrors of Debian that a machine is set up with."""

import shutil
import subprocess

import pytest

from checks.lab import apt
from checks.lab.process import LabError, MachineError

PLAIN = """
'http://mirror.example/debian/dists/bookworm/InRelease' x_InRelease 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' x 0
'http://mirror.example/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz' x 0
'http://mirror.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' x 0
"""
OTHER_VENDORS = """
'https://tools.example/dists/bookworm/main/binary-amd64/Packages.xz' x 0
'https://docker.example/linux/debian/dists/bookworm/stable/binary-amd64/Packages.xz' x 0
'https://sql.example/apt/dists/bookworm-sql/main/binary-amd64/Packages.xz' x 0
'https://flat.example/./Packages.xz' x 0
'https://grafana.example/dists/stable/main/binary-amd64/Packages.xz' x 0
"""
OLD = """
'http://mirror.example/debian/dists/bullseye/main/binary-amd64/Packages.xz' x 0
'http://security.example/dists/bullseye/updates/main/binary-amd64/Packages.xz' x 0
"""
ONE_PLACE = """
'http://mirror.example/debian/dists/stable/main/binary-amd64/Packages.xz' x 0
'http://mirror.example/debian/dists/stable-security/main/binary-amd64/Packages.xz' x 0
"""
UBUNTU = """
'http://mirror.example/ubuntu/dists/noble/main/binary-amd64/Packages.xz' x 0
'http://mirror.example/ubuntu/dists/noble-security/main/binary-amd64/Packages.xz' x 0
"""
MIRROR, SECURITY = "http://mirror.example/debian", "http://mirror.example/debian-security"


@pytest.mark.parametrize(
    ("printed", "archives", "security"),
    [
        (PLAIN, (MIRROR,), (SECURITY,)),
        (OLD, (MIRROR,), ("http://security.example",)),
        (ONE_PLACE, (MIRROR,), (MIRROR,)),
    ],
    ids=["Debian 12", "Debian 10", "one mirror for archive and security"],
)
def test_every_layout_of_sources_yields_the_mirrors(printed, archives, security):
    assert apt.read_sources(printed) == apt.Mirrors(archives, security)


def test_debian_comes_before_vendors_with_equal_suite_names():
    found = apt.read_sources(OTHER_VENDORS + PLAIN).archives
    assert found == (MIRROR, "https://tools.example", "https://grafana.example")


@pytest.mark.parametrize("printed", ["", UBUNTU], ids=["no source", "Ubuntu"])
def test_a_machine_without_debian_sources_is_reported(printed):
    with pytest.raises(MachineError, match="no source of Debian packages"):
        apt.read_sources(printed)


def test_a_suite_without_security_updates_is_tried_second(monkeypatch, tmp_path):
    monkeypatch.setattr(apt, "KEYRING", tmp_path / "missing.gpg")
    assert apt.Mirrors((MIRROR,), (SECURITY,)).sources("trixie") == [
        f"deb {MIRROR} trixie main\ndeb {SECURITY} trixie-security main\n",
        f"deb {MIRROR} trixie main\n",
    ]


@pytest.fixture
def own_downloads(monkeypatch, tmp_path):
    """Give the private apt an empty folder and an empty cache."""
    monkeypatch.setattr(apt, "DOWNLOADS", tmp_path)
    monkeypatch.setattr(apt, "ARCHIVES", tmp_path / "debs")
    monkeypatch.setattr(apt, "INCOMING", tmp_path / "debs" / "incoming")
    monkeypatch.setattr(apt, "UNPACKED", tmp_path / "unpacked")
    monkeypatch.setattr(apt, "_FAILED", {})
    return tmp_path


def test_a_machine_without_apt_is_reported(own_downloads, monkeypatch):
    monkeypatch.setattr(apt, "TOOLS_PATH", str(own_downloads))
    with pytest.raises(MachineError, match="this machine has no apt-get"):
        apt.Apt("bookworm", print)


PACKAGES = {"tool": ("utils", "libtool9, shell"), "libtool9": ("libs", ""), "shell": ("utils", "")}
"""The section and the dependencies of each package of the tiny mirror."""

PACKAGE = """Package: {name}
Version: {version}
Architecture: amd64
Maintainer: nobody
Section: {section}
Depends: {depends}
Description: for a test
"""


@pytest.fixture
def repository(own_downloads, monkeypatch):
    """An unsigned mirror with a program, the library it needs and a program it needs."""
    if not all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        raise MachineError("this machine has no apt-get")
    mirror = own_downloads / "mirror"
    index = mirror / "dists" / "bookworm" / "main" / "binary-amd64"
    index.mkdir(parents=True)
    entries = []
    for name, (section, depends) in PACKAGES.items():
        tree = own_downloads / "packages" / name
        (tree / "DEBIAN").mkdir(parents=True)
        control = PACKAGE.format(name=name, version="1.2-3", section=section, depends=depends)
        control = "".join(line for line in control.splitlines(keepends=True) if line != "Depends: \n")
        (tree / "DEBIAN" / "control").write_text(control)
        (tree / "usr" / "share" / name).mkdir(parents=True)
        (tree / "usr" / "share" / name / "file").write_text(name)
        archive = mirror / f"{name}_1.2-3_amd64.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, archive], check=True, capture_output=True)
        digest = subprocess.run(["sha256sum", archive], check=True, capture_output=True, text=True).stdout.split()[0]
        size = archive.stat().st_size
        entries.append(f"{control}Filename: {archive.name}\nSize: {size}\nSHA256: {digest}\n")
    (index / "Packages").write_text("\n".join(entries))
    trusted = f"deb [trusted=yes] file:{mirror} bookworm main\n"
    monkeypatch.setattr(apt, "mirrors", lambda: apt.Mirrors(("",), ()))
    monkeypatch.setattr(apt.Mirrors, "sources", lambda *_: [trusted])
    monkeypatch.setattr(apt, "CONFIG", apt.CONFIG + 'Acquire::AllowInsecureRepositories "true";\n')
    return mirror


@pytest.mark.usefixtures("repository")
def test_a_package_is_unpacked_with_its_libraries_only(own_downloads):
    root, lines = own_downloads / "tool" / "bookworm" / "root", []
    apt.install("bookworm", ["tool"], root, lines.append)
    assert sorted(path.parent.name for path in root.rglob("file")) == ["libtool9", "tool"]
    assert [line.partition(",")[0] for line in lines] == [
        "Debian bookworm: package lists downloaded",
        "tool from bookworm: downloading 0 MB",
    ]


def test_a_downloaded_package_is_not_downloaded_again(repository, own_downloads):
    lines = []
    for name in ("first", "second"):
        apt.install("bookworm", ["tool"], own_downloads / name / "bookworm" / "root", lines.append)
        for archive in repository.glob("*.deb"):
            archive.unlink()
    assert [line for line in lines if line.startswith("second")] == []


def test_a_partial_download_is_repeated(repository, own_downloads):
    whole = (repository / "tool_1.2-3_amd64.deb").read_bytes()
    (own_downloads / "debs" / "incoming").mkdir(parents=True)
    (own_downloads / "debs" / "incoming" / "tool_1.2-3_amd64.deb").write_bytes(whole[:100])
    apt.install("bookworm", ["tool"], own_downloads / "tool" / "bookworm" / "root", print)
    assert (own_downloads / "debs" / "tool_1.2-3_amd64.deb").read_bytes() == whole


def test_a_package_with_a_wrong_digest_is_rejected(repository, own_downloads):
    with (repository / "tool_1.2-3_amd64.deb").open("ab") as archive:
        archive.write(b"more")
    with pytest.raises(LabError, match="none of its versions can be downloaded"):
        apt.install("bookworm", ["tool"], own_downloads / "tool" / "bookworm" / "root", print)


def test_a_mirror_without_debians_signature_is_rejected(repository, monkeypatch):
    monkeypatch.setattr(apt.Mirrors, "sources", lambda *_: [f"deb file:{repository} bookworm main\n"])
    monkeypatch.setattr(apt, "CONFIG", apt.CONFIG.replace('Acquire::AllowInsecureRepositories "true";\n', ""))
    with pytest.raises(LabError, match="cannot download its package lists"):
        apt.Apt("bookworm", print)
