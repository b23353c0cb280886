"""Four pictures of 1024×1024 in little memory: most of a 512 MB function stays free."""

import subprocess
import sys
from pathlib import Path

import pytest

LAMBDAS = Path(__file__).parents[2] / "lambdas"

# With boto3, as in the function; the growth counts, not what the interpreter and its imports hold.
PROGRAM = f"""
import random, sys
from pathlib import Path
sys.path.insert(0, {str(LAMBDAS)!r})
import extract_images.storage
from extract_images import response, results
from extract_images.notification import Notification

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1000

def chunks(gap):
    # Rows of noise in a cycle: incompressible enough, quickly made.
    rng = random.Random(1)
    rows = []
    for _ in range(64):
        pixels = iter(rng.randbytes(3072))
        rows.append("[" + gap.join(f"[{{r}},{{g}},{{b}}]" for r, g, b in zip(pixels, pixels, pixels)) + "]")
    yield b'{{"generated_images": ['
    for image in range(4):
        yield b"[" if image == 0 else b",["
        for row in range(1024):
            yield (rows[(row * 7 + image) % 64] + ("," if row < 1023 else "]")).encode()
    yield b'], "prompt": "x"}}'

before = peak()
answer = response.read(chunks(sys.argv[1]))
completed = Notification("x", "2026-01-01T00:00:00Z", "s3://b/k", "b", "k", "")
written = sum(len(item.body) for item in results.objects(answer, results.Request(), completed))
print(len(answer.images), before, peak() - before, written)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize("gap", [",", " , "], ids=["fast", "strict"])
def test_peak_memory_of_a_large_response(gap):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, gap], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    images, before, grown, written = map(int, done.stdout.split())
    assert (images, written > 4_000_000) == (4, True)
    # What must be held until the response is known to be whole are the compressed pictures, and one file of them.
    assert grown < 30 + written / 1e6 * 1.5
    assert before + grown < 256
