"""CPU time and peak memory of extract_images beside the same task done with json, numpy and Pillow.

    python bench/rgb_to_png.py                 # photograph-like pictures
    python bench/rgb_to_png.py --picture noise # the largest JSON and PNGs that there are

Every run of a variant is a fresh process, which reads the response from a file and writes PNG files. CPU time is that
of the task (imports excluded), the best of the repetitions; peak memory is that of the whole process (VmHWM), the
worst of them. Variants take turns, so that a busy machine disturbs all of them alike. The parent decodes all files and
compares them pixel for pixel.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHUNK_BYTES = 2**18  # what the function reads from S3 at once


def read_in_chunks(path: Path) -> Iterator[bytes]:
    """Yield the file as the function gets it from S3."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def prepare_ours(fast: bool) -> Callable[[Path, Path], None]:
    """Import the function's core and return the task."""
    from extract_images import response, results
    from extract_images.notification import Notification

    completed = Notification("bench", "2026-01-01T00:00:00Z", "s3://b/output/x.out", "b", "output/x.out", "")

    def task(source: Path, target: Path) -> None:
        answer = response.read(read_in_chunks(source), fast=fast)
        for item in results.objects(answer, results.Request(), completed):
            (target / Path(item.key).name).write_bytes(item.body)

    return task


def prepare_peer() -> Callable[[Path, Path], None]:
    """Import json, numpy and Pillow and return the task as one would write it with them."""
    import numpy as np
    from PIL import Image

    def task(source: Path, target: Path) -> None:
        answer = json.loads(source.read_bytes())
        for number, image in enumerate(answer["generated_images"]):
            Image.fromarray(np.array(image, dtype=np.uint8)).save(target / f"{number}.png")

    return task


VARIANTS: dict[str, Callable[[], Callable[[Path, Path], None]]] = {
    "json + numpy + Pillow": prepare_peer,
    "extract_images": lambda: prepare_ours(fast=True),
    "extract_images, strict path": lambda: prepare_ours(fast=False),
}
PEER = next(iter(VARIANTS))


def run_variant(variant: str, source: Path, target: Path) -> None:
    """Do the task in this process and print its CPU time in seconds and the peak memory in MB."""
    task = VARIANTS[variant]()
    start = time.process_time()
    task(source, target)
    seconds = time.process_time() - start
    # ru_maxrss would keep the parent's peak across exec; VmHWM belongs to this program alone.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "megabytes": int(peak.split()[1]) / 1000}))


def make_response(path: Path, side: int, number: int, picture: str) -> None:
    """Write a response as JumpStart's containers spell it: `json.dumps` with its default separators."""
    import numpy as np
    from PIL import Image, ImageFilter

    rng = np.random.default_rng(side * 100 + number)
    with path.open("w") as file:
        file.write('{"generated_images": [')
        for index in range(number):
            pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            if picture == "photo":
                # Soft shapes of several sizes, with the grain of a sensor.
                layers = [Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)) for radius in (2, 8, 32)]
                sums = sum(
                    (np.asarray(layer, dtype=float) - 127.5) * gain
                    for layer, gain in zip(layers, (1, 4, 20), strict=True)
                )
                grain = rng.normal(0, 2, (side, side, 3))
                pixels = np.clip(127.5 + sums + grain, 0, 255).astype(np.uint8)
            file.write((", " if index else "") + json.dumps(pixels.tolist()))
        file.write('], "prompt": "a benchmark"}')


def pixels_of(folder: Path) -> list[bytes]:
    """Decode all PNG files of a folder, in their order."""
    from PIL import Image

    decoded = []
    for path in sorted(folder.glob("*.png"), key=lambda path: int(path.stem)):
        with Image.open(path) as image:
            decoded.append(image.tobytes())
    return decoded


def measure(source: Path, repetitions: int) -> dict[str, tuple[float, float, float]]:
    """Return CPU seconds, peak megabytes and megabytes of PNG of every variant."""
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    megabytes: dict[str, list[float]] = {name: [] for name in VARIANTS}
    sizes: dict[str, float] = {}
    expected: list[bytes] = []
    for _ in range(repetitions):
        for name in VARIANTS:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, __file__, "--variant", name, "--source", str(source), "--target", folder]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                figures = json.loads(done.stdout)
                seconds[name].append(figures["seconds"])
                megabytes[name].append(figures["megabytes"])
                if name not in sizes:
                    sizes[name] = sum(path.stat().st_size for path in Path(folder).glob("*.png")) / 1e6
                    found = pixels_of(Path(folder))
                    expected = expected or found
                    if found != expected:
                        raise SystemExit(f"{name} made other pixels than {PEER}")
    return {name: (min(seconds[name]), max(megabytes[name]), sizes[name]) for name in VARIANTS}


def main() -> None:
    """Print one table a response."""
    parser = argparse.ArgumentParser(description="CPU time and peak memory of extract_images beside json+numpy+Pillow")
    parser.add_argument("--picture", choices=("photo", "noise"), default="photo")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--variant", choices=tuple(VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.variant:
        run_variant(arguments.variant, arguments.source, arguments.target)
        return
    with tempfile.TemporaryDirectory() as folder:
        for side, number in ((512, 1), (1024, 4)):
            source = Path(folder) / f"{side}x{number}.json"
            make_response(source, side, number, arguments.picture)
            print(f"\n{side}×{side} × {number} ({arguments.picture}), {source.stat().st_size / 1e6:.1f} MB of JSON")
            print(f"{'':30}{'CPU s':>8}{'times faster':>14}{'peak MB':>9}{'of peer':>9}{'PNG MB':>8}")
            table = measure(source, arguments.repetitions)
            peer = table[PEER]
            for name, (seconds, megabytes, size) in table.items():
                faster, share = peer[0] / seconds, megabytes / peer[1]
                print(f"{name:30}{seconds:8.2f}{faster:14.1f}{megabytes:9.0f}{share:9.2f}{size:8.2f}")
            source.unlink()


if __name__ == "__main__":
    main()
