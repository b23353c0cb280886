"""Repackaging beside what a person would do in a shell: download both tarballs, unpack, copy the code in, pack, upload.

    python bench/repackage.py                   # 1 GB of incompressible data
    python bench/repackage.py --gigabytes 0.1

A local cloud of its own holds the model. Every run of a variant is a fresh process; seconds exclude imports and are the
best of the repetitions (of the shell there is one). Peak memory is that of the whole process, disk what it and its
children wrote. "Known" means that the model was read and found whole before, as it is whenever only code changes.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
JUMPSTART, MODELS = "jumpstart", "models"
MODEL, SCRIPT, COLLISION = "model.tar.gz", "sourcedir.tar.gz", "config.json"
REPETITIONS = 3
VARIANTS = {
    "shell": "shell: boto3, tar x, cp, tar cz, boto3",
    "verify": "verification alone: read to the end",
    "streamed": "streamed, known",
    "first": "spliced while it is verified",
    "spliced": "spliced, known",
    "unchanged": "unchanged",
}


def prepare_shell(s3: Any, folder: Path) -> Callable[[], str]:
    """What a person does, with boto3's own parallel transfers."""

    def task() -> str:
        for key in (MODEL, SCRIPT):
            s3.download_file(JUMPSTART, key, str(folder / key))
        command = f"mkdir -p m/code && tar xzf {MODEL} -C m && tar xzf {SCRIPT} -C m/code && tar czf new.tar.gz -C m ."
        subprocess.run(command, shell=True, cwd=folder, check=True)
        s3.upload_file(str(folder / "new.tar.gz"), MODELS, "shell/model.tar.gz")
        return "shell/model.tar.gz"

    return task


def prepare_ours(s3: Any, folder: Path, variant: str) -> Callable[[], str]:
    """The same by :mod:`helpers.model.repackage`."""
    from helpers.model.jumpstart import Model
    from helpers.model.repackage import facts, repackage
    from helpers.model.repackage.sources import ObjectArtifact

    uris = f"s3://{JUMPSTART}/{MODEL}", f"s3://{JUMPSTART}/{SCRIPT}"
    found = Model("model-bench", "1.0.0", *uris, "image", {}, False, ())
    overrides = None
    if variant == "streamed":
        overrides = folder / "overrides"
        overrides.mkdir(exist_ok=True)
        (overrides / COLLISION).write_text("{}")

    def package() -> str:
        packaged = repackage(s3, found, MODELS, overrides=overrides, progress=lambda text: None)
        expected = "spliced" if variant == "first" else variant
        assert packaged.method == expected, (packaged.method, expected)
        return packaged.key

    def verify() -> str:
        facts.read(ObjectArtifact(s3, uris[0]), lambda text: None)
        return ""

    return verify if variant == "verify" else package


def child(variant: str, folder: Path) -> None:
    """Run one variant once, and print what it took."""
    from helpers.inference.connection import connect_inside

    s3 = connect_inside().client("s3")
    task = prepare_shell(s3, folder) if variant == "shell" else prepare_ours(s3, folder, variant)
    began = time.perf_counter()
    key = task()
    seconds = time.perf_counter() - began
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answer = {
        "key": key,
        "seconds": seconds,
        "cpu": sum(usage.ru_utime + usage.ru_stime for usage in usages),
        "peak_mb": usages[0].ru_maxrss / 1000,
        "disk_mb": sum(usage.ru_oublock for usage in usages) * 512 / 1e6,
    }
    print(json.dumps(answer))


def run(variant: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run one variant in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__)), "--child", variant, "--folder", folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{variant} failed: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


class Noise:
    """Incompressible bytes without end, as a file; the same block over and over, longer than gzip looks back."""

    def __init__(self) -> None:
        self._block, self._at = os.urandom(1 << 24), 0

    def read(self, size: int) -> bytes:
        """``size`` bytes at most."""
        piece = self._block[self._at : self._at + size]
        self._at = (self._at + len(piece)) % len(self._block)
        return piece


def publish(s3: Any, folder: Path, size: int) -> None:
    """Put a model of ``size`` bytes and its inference code where JumpStart would."""
    for bucket in (JUMPSTART, MODELS):
        s3.create_bucket(Bucket=bucket)
    with tarfile.open(folder / MODEL, "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("weights.bin")
        info.size = size
        archive.addfile(info, Noise())  # type: ignore[arg-type] # it has what addfile calls
        archive.add(ROOT / "workshop.toml", COLLISION)
    with tarfile.open(folder / SCRIPT, "w:gz") as archive:
        for path in (ROOT / "models" / "smallworld").glob("*.py"):
            archive.add(path, path.name)
    for key in (MODEL, SCRIPT):
        s3.upload_file(str(folder / key), JUMPSTART, key)
        (folder / key).unlink()


def forget(s3: Any, key: str, known: bool) -> None:
    """Remove the package, and what is known of its source unless that should stay known."""
    prefixes = ["models/", "shell/"] + ([] if known else ["sources/"])
    for prefix in prefixes:
        for item in s3.list_objects_v2(Bucket=MODELS, Prefix=prefix).get("Contents", ()):
            s3.delete_object(Bucket=MODELS, Key=item["Key"])


def same(s3: Any, folder: Path, key: str) -> None:
    """Check with gzip and tar that a package is whole and holds the code."""
    s3.download_file(MODELS, key, str(folder / "check.tar.gz"))
    subprocess.run(["gzip", "-t", "check.tar.gz"], cwd=folder, check=True)
    listed = subprocess.run(["tar", "tzf", "check.tar.gz"], cwd=folder, check=True, capture_output=True, text=True)
    names = {name.removeprefix("./") for name in listed.stdout.splitlines()}
    assert {"weights.bin", COLLISION, "code/inference.py"} <= names, names
    (folder / "check.tar.gz").unlink()


@contextlib.contextmanager
def cloud(folder: Path) -> Iterator[dict[str, str]]:
    """A local cloud with nothing but MiniStack's services; the environment that leads to it."""
    import localcloud

    running = localcloud.start(folder / "state", port=0, service_modules=[])
    try:
        yield {**os.environ, **running.environment}
    finally:
        running.stop()


def compare(size: int) -> dict[str, dict[str, Any]]:
    """Measure all variants on a model of ``size`` bytes."""
    from helpers.inference.connection import connect_inside

    best: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name, cloud(folder := Path(name)) as environment:
        os.environ.update(environment)
        s3 = connect_inside().client("s3")
        publish(s3, folder, size)
        for variant in VARIANTS:
            for number in range(1 if variant == "shell" else REPETITIONS):
                if variant != "unchanged":
                    forget(s3, variant, known=variant not in ("shell", "first"))
                if variant == "streamed" and number == 0:
                    run("first", environment)  # so that the source is known
                    forget(s3, variant, known=True)
                measured = run(variant, environment)
                if measured["key"] and number == 0:
                    same(s3, folder, measured["key"])
                kept = best.setdefault(variant, measured)
                kept["seconds"] = min(kept["seconds"], measured["seconds"])
                kept["peak_mb"] = max(kept["peak_mb"], measured["peak_mb"])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="incompressible data in the model (1)")
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.folder)
        return
    print(f"a model of {arguments.gigabytes:g} GB that does not compress, in the local cloud on this machine")
    print(f"{'':40}   seconds   times faster   CPU s   peak MB   disk MB")
    results = compare(int(arguments.gigabytes * 1e9))
    for variant, title in VARIANTS.items():
        one = results[variant]
        ratio = f"{results['shell']['seconds'] / one['seconds']:12.1f}" if variant != "verify" else " " * 12
        print(
            f"{title:40}   {one['seconds']:7.2f}   {ratio}   {one['cpu']:5.1f}   {one['peak_mb']:7.0f}   "
            f"{one['disk_mb']:7.1f}"
        )


if __name__ == "__main__":
    main()
