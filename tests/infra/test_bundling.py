"""Bundles hold the same bytes for the same input, fit their interpreter, and need no Docker."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from contract.settings import ROOT
from infra.application import BUNDLES, LAMBDAS
from infra.errors import BundlingError
from infra.lambda_code import bundling, installer
from infra.lambda_code.bundling import Interpreter, bundle, bundle_hash

X86 = Interpreter.of_lambda("x86_64")
ARM = Interpreter.of_lambda("arm64")
HOST = Interpreter.of_host()
PACKAGES = ("save_status", "extract_images", "expire")


@pytest.fixture
def package(tmp_path):
    """A function that needs one distribution."""
    folder = tmp_path / "lambdas" / "greet"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "handler.py").write_text("import hello\n")
    (folder / "requirements.txt").write_text("# why\nHello_World==1.0\n")
    return folder


@pytest.fixture
def installs(monkeypatch):
    """Stands in for the network: what was asked for, and an installation as uv and pip leave it."""
    asked = []

    def fake(requirements, target, *, python, platform):
        asked.append((requirements.read_text(), python, platform))
        number = len(asked)
        for name, content in {
            "hello.py": "GREETING = 'hello'\n",
            "hello/tests/test_hello.py": "",
            "hello/__pycache__/hello.cpython-312.pyc": str(number),
            "hello_world-1.0.dist-info/METADATA": "Name: hello-world\n",
            "hello_world-1.0.dist-info/RECORD": str(number),
            "hello_world-1.0.dist-info/INSTALLER": "uv" if number % 2 else "pip",
            "bin/hello": f"#!/run/{number}/python\n",
        }.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (target / "hello.py").chmod(0o600 if number % 2 else 0o755)

    monkeypatch.setattr(bundling, "install", fake)
    return asked


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Relative path → bytes and mode."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_bundle_is_the_package_beside_its_requirements(package, installs, tmp_path):
    bundle(package, X86, tmp_path / "cache", tmp_path / "out")
    assert set(content(tmp_path / "out")) == {
        "greet/__init__.py",
        "greet/handler.py",
        "hello.py",
        "hello_world-1.0.dist-info/METADATA",
    }


def test_what_functions_share_is_in_each_bundle(package, installs, tmp_path):
    shared = package.parent / "shared"
    (shared / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "names.py", "__pycache__/names.cpython-312.pyc"):
        (shared / name).write_text("STATUS = 'status'\n")
    bundle(package, X86, tmp_path / "cache", tmp_path / "out")
    made = content(tmp_path / "out")
    assert {name for name in made if name.startswith("shared/")} == {"shared/__init__.py", "shared/names.py"}
    assert made["shared/names.py"] == (b"STATUS = 'status'\n", 0o644)


def test_the_hash_covers_what_functions_share(package):
    shared = package.parent / "shared"
    shared.mkdir()
    seen = {bundle_hash(package, X86)}
    for text in ("", "STATUS = 'status'\n", "STATUS = 'state'\n"):
        (shared / "names.py").write_text(text)
        seen.add(bundle_hash(package, X86))
    assert len(seen) == 4


def test_two_installations_give_the_same_bytes_and_modes(package, installs, tmp_path):
    for number in (1, 2):
        (package / "__pycache__").mkdir(exist_ok=True)
        (package / "__pycache__" / f"handler.cpython-31{number}.pyc").touch()
        bundle(package, X86, tmp_path / f"cache{number}", tmp_path / f"out{number}")
    assert len(installs) == 2
    assert content(tmp_path / "out1") == content(tmp_path / "out2")
    assert {mode for _, mode in content(tmp_path / "out1").values()} == {0o644}


def test_requirements_are_installed_once_whatever_becomes_of_the_code(package, installs, tmp_path):
    bundle(package, X86, tmp_path / "cache", tmp_path / "first")
    (package / "handler.py").write_text("import hello as h\n")
    bundle(package, X86, tmp_path / "cache", tmp_path / "second")
    assert len(installs) == 1
    assert (tmp_path / "second/greet/handler.py").read_text() == "import hello as h\n"
    assert not list((tmp_path / "cache").glob(".making-*"))


def test_each_interpreter_gets_its_own_installation(package, installs, tmp_path):
    for number, interpreter in enumerate((X86, ARM, HOST)):
        bundle(package, interpreter, tmp_path / "cache", tmp_path / str(number))
    assert [(python, platform) for _, python, platform in installs] == [
        ("3.12", "x86_64"),
        ("3.12", "arm64"),
        (f"{sys.version_info.major}.{sys.version_info.minor}", sysconfig.get_platform()),
    ]


def test_an_interrupted_installation_leaves_nothing_in_the_cache(package, tmp_path, monkeypatch):
    def broken(*_args, **_kwargs):
        raise BundlingError("no network")

    monkeypatch.setattr(bundling, "install", broken)
    with pytest.raises(BundlingError, match="no network"):
        bundle(package, X86, tmp_path / "cache", tmp_path / "out")
    assert not list((tmp_path / "cache").iterdir())


def test_the_hash_covers_sources_requirements_and_interpreter(package):
    first = bundle_hash(package, X86)
    assert first == bundle_hash(package, X86)
    seen = {
        first,
        bundle_hash(package, ARM),
        bundle_hash(package, HOST),
        bundle_hash(package, Interpreter("3.13", "x86_64")),
    }
    for name, text in (
        ("handler.py", "import hello # new\n"),
        ("requirements.txt", "Hello_World==1.1\n"),
        ("data.json", "{}"),
    ):
        (package / name).write_text(text)
        seen.add(bundle_hash(package, X86))
    (package / "data.json").rename(package / "other.json")
    seen.add(bundle_hash(package, X86))
    assert len(seen) == 8


def test_the_hash_ignores_byte_code_times_and_hidden_files(package):
    before = bundle_hash(package, X86)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "handler.pyc").touch()
    (package / ".DS_Store").touch()
    os.utime(package / "handler.py", (0, 0))
    assert bundle_hash(package, X86) == before


@pytest.mark.parametrize(
    "line", ["pillow", "pillow>=11", "pillow==11.*", "-r other.txt", "pillow==11 ; python_version > '3'"]
)
def test_an_open_requirement_is_refused_with_its_line(package, line, tmp_path):
    (package / "requirements.txt").write_text(f"hello==1.0\n{line}\n")
    with pytest.raises(BundlingError, match=r"requirements.txt, line 2: .* is not pinned; write name==version"):
        bundle(package, X86, tmp_path / "cache", tmp_path / "out")


def test_a_folder_that_is_not_a_package_is_refused(tmp_path):
    with pytest.raises(BundlingError, match=r"needs __init__\.py and requirements\.txt"):
        bundle(tmp_path, X86, tmp_path / "cache", tmp_path / "out")


class Recorder:
    """Takes the place of ``subprocess.run``: keeps the command, leaves what a test says."""

    def __init__(self, *distributions, code=0, stderr=""):
        self.distributions, self.code, self.stderr, self.command = distributions, code, stderr, []

    def __call__(self, command, **_):
        self.command = command
        target = Path(command[command.index("--target") + 1])
        for name in self.distributions:
            (target / f"{name}.dist-info").mkdir()
        return subprocess.CompletedProcess(command, self.code, "", self.stderr)

    def option(self, name):
        return [self.command[at + 1] for at, word in enumerate(self.command) if word == name]


def run_install(monkeypatch, package, target, recorder, platform="x86_64"):
    monkeypatch.setattr(installer.subprocess, "run", recorder)
    installer.install(package / "requirements.txt", target, python="3.12", platform=platform)
    return recorder


@pytest.fixture
def only_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(installer, "ROOT", tmp_path)
    monkeypatch.setattr(installer.shutil, "which", lambda _: None)
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda name: name)


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_pip_is_given_old_and_new_platform_tags(monkeypatch, package, tmp_path, only_pip, architecture, machine):
    run = run_install(monkeypatch, package, tmp_path, Recorder("hello_world-1.0"), architecture)
    assert {f"manylinux_2_28_{machine}", f"manylinux_2_17_{machine}", f"manylinux2014_{machine}"} <= set(
        run.option("--platform")
    )
    assert run.option("--python-version") == ["3.12"]
    assert run.option("--only-binary") == [":all:"]


@pytest.fixture
def only_uv(monkeypatch, tmp_path):
    monkeypatch.setattr(installer, "ROOT", tmp_path)
    monkeypatch.setattr(installer.shutil, "which", lambda _: "/somewhere/uv")


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_uv_is_given_the_platform(monkeypatch, package, tmp_path, only_uv, architecture, machine):
    run = run_install(monkeypatch, package, tmp_path, Recorder("hello_world-1.0"), architecture)
    assert run.command[:3] == ["/somewhere/uv", "pip", "install"]
    assert run.option("--python-platform") == [f"{machine}-manylinux_2_28"]
    assert run.option("--python-version") == ["3.12"]
    assert run.option("--only-binary") == [":all:"]


def test_the_network_is_asked_only_for_what_the_cache_lacks(monkeypatch, package, tmp_path, only_uv):
    class Cacheless(Recorder):
        def __call__(self, command, **_):
            offline = "--offline" in command
            commands.append(offline)
            return subprocess.CompletedProcess(command, 2, "", "not cached") if offline else super().__call__(command)

    commands = []
    run_install(monkeypatch, package, tmp_path, Cacheless("hello_world-1.0"))
    assert commands == [True, False]
    run = run_install(monkeypatch, package, tmp_path / "again", Recorder())
    assert "--offline" in run.command


def test_on_the_local_target_the_running_interpreter_decides(monkeypatch, package, tmp_path, only_uv):
    run = run_install(monkeypatch, package, tmp_path, Recorder("hello_world-1.0"), sysconfig.get_platform())
    assert not run.option("--python-platform") + run.option("--platform") + run.option("--python-version")


def test_what_nobody_pinned_is_refused_by_name(monkeypatch, package, tmp_path, only_uv):
    with pytest.raises(BundlingError, match="needs other-thing as well; pin them there"):
        run_install(monkeypatch, package, tmp_path, Recorder("hello_world-1.0", "other_thing-2.0"))


def test_a_failed_installation_says_what_for_and_why(monkeypatch, package, tmp_path, only_uv):
    with pytest.raises(BundlingError, match=r"not installable for Python 3.12 on x86_64:\nno such version"):
        run_install(monkeypatch, package, tmp_path, Recorder(code=1, stderr="no such version"))


def test_without_an_installer_the_error_says_what_to_do(monkeypatch, package, tmp_path, only_pip):
    monkeypatch.setattr(installer.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BundlingError, match="run `make` once"):
        run_install(monkeypatch, package, tmp_path, Recorder())


# From here on the real functions; their requirements come from the cache, and from the network when they are new.


@pytest.fixture(scope="module")
def real_bundles(tmp_path_factory):
    made = {}
    for name in PACKAGES:
        for interpreter in (HOST, X86, ARM):
            made[name, interpreter] = tmp_path_factory.mktemp(name)
            bundle(LAMBDAS / name, interpreter, BUNDLES, made[name, interpreter])
    return made


@pytest.mark.parametrize("name", PACKAGES)
def test_a_real_bundle_is_complete_in_an_isolated_interpreter(real_bundles, name, tmp_path):
    """With the bundle and what Lambda's runtime brings; no site-packages, so nothing undeclared helps out."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    site = Path(sysconfig.get_path("platlib"))
    for module in ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "jmespath", "six.py"):
        (runtime / module).symlink_to(site / module)
    paths = [str(real_bundles[name, HOST]), str(runtime)]
    code = f"import sys; sys.path[:0] = {paths!r}; from {name}.handler import handler; assert callable(handler)"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env={
            "BUCKET_NAME": "bucket",
            "POWERTOOLS_SERVICE_NAME": name,
            "POWERTOOLS_METRICS_NAMESPACE": "Test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("interpreter", "suffix"), [(X86, "cpython-312-x86_64"), (ARM, "cpython-312-aarch64")])
def test_compiled_packages_fit_lambda(real_bundles, interpreter, suffix):
    compiled = [path.name for path in real_bundles["extract_images", interpreter].rglob("*.so")]
    assert any(suffix in name for name in compiled)
    assert not [name for name in compiled if "cpython-" in name and suffix not in name]


@pytest.mark.parametrize("name", PACKAGES)
def test_real_bundles_fit_lambdas_limit_and_carry_no_waste(real_bundles, name):
    files = [path for path in real_bundles[name, X86].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 250 * 2**20  # unzipped, layers included
    assert not [path for path in files if path.suffix == ".pyc" or path.name == "RECORD" or "tests" in path.parts]


def test_bundles_are_where_git_does_not_look():
    assert BUNDLES.is_relative_to(ROOT / "build")
