from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from smallworld.bundle import WEIGHTS
from smallworld.schedule import BASE, MOST_ASPECT
from smallworld.training.generator import drawing
from smallworld.training.measure.sharpness import sharpness
from smallworld.upscale import Upscaler, doublings, full_size

FILE = WEIGHTS / "upsampler.onnx"


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(FILE)


@pytest.fixture(scope="module")
def scenes() -> list[drawing.Scene]:
    rng = random.Random("scenes for the upscaler")
    found = [drawing.sample_scene(rng) for _ in range(40)]
    return [scene for scene in found if scene.style not in ("watercolour", "pixel art")][:24]


def base_of(scene: drawing.Scene, aspect: float = 1.0) -> np.ndarray:
    return np.asarray(drawing.draw_base(scene, math.log(aspect)))


def decibels(found: np.ndarray, truth: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(0.01, float(np.square(found.astype(float) - truth).mean())))


def lanczos(base: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(base).resize((width, height), Image.Resampling.LANCZOS))


def gains(upscaler: Upscaler, scenes: list[drawing.Scene], width: int, height: int) -> list[float]:
    """How many decibels nearer than Lanczos' each picture is to what the generator draws at that size."""
    found = []
    for scene in scenes:
        base, truth = base_of(scene, width / height), np.asarray(drawing.draw(scene, width, height))
        mine, plain = upscaler.enlarge(base, width, height), lanczos(base, width, height)
        found.append(decibels(mine, truth) - decibels(plain, truth))
    return found


SIZES = [(8, 8), (64, 64), (65, 65), (128, 128), (320, 200), (120, 248), (512, 512), (512, 8), (8, 512), (56, 72)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_size_is_that_size(upscaler, scenes, width, height):
    picture = upscaler.enlarge(base_of(scenes[0]), width, height)
    assert (picture.shape, picture.dtype) == ((height, width, 3), np.uint8)


def test_same_base_same_bytes_on_any_thread(upscaler, scenes):
    bases = [base_of(scene) for scene in scenes[:4]]
    one_by_one = [upscaler.enlarge(base, 256, 200) for base in bases]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda base: Upscaler(FILE).enlarge(base, 256, 200), bases))
        shared = list(pool.map(lambda base: upscaler.enlarge(base, 256, 200), bases))
    for others in (together, shared):
        assert [picture.tobytes() for picture in one_by_one] == [picture.tobytes() for picture in others]


@pytest.mark.parametrize("color", [(12, 200, 99), (0, 0, 0), (255, 255, 255), (127, 128, 1)])
def test_flat_colour_stays_exactly_flat(upscaler, color):
    base = np.full((BASE, BASE, 3), color, np.uint8)
    for size in ((512, 512), (200, 136), (24, 40)):
        assert (upscaler.enlarge(base, *size) == np.array(color)).all()


def test_a_size_of_the_base_is_the_base(upscaler, scenes):
    base = base_of(scenes[1])
    assert (upscaler.enlarge(base, BASE, BASE) == base).all()


def test_a_size_below_the_base_is_an_average(upscaler):
    base = np.zeros((BASE, BASE, 3), np.uint8)
    base[::2] = 200
    assert (upscaler.enlarge(base, 8, 8) == 100).all()


@pytest.mark.parametrize(
    ("width", "height", "times"), [(64, 64, 0), (72, 64, 1), (128, 64, 1), (64, 136, 2), (256, 256, 2), (512, 264, 3)]
)
def test_the_base_is_doubled_until_both_sides_are_long_enough(width, height, times):
    assert doublings(BASE, BASE, width, height) == times


def test_never_more_than_three_doublings():
    assert doublings(BASE, BASE, 1024, 1024) == 3


@pytest.mark.parametrize(("width", "height"), [(256, 128), (128, 256), (160, 96), (128, 128)])
def test_within_the_aspect_ratios_nothing_is_cut_off(upscaler, width, height):
    base = np.full((BASE, BASE, 3), 128, np.uint8)
    corners = {(0, 0): (255, 0, 0), (0, 1): (0, 255, 0), (1, 0): (0, 0, 255), (1, 1): (255, 255, 255)}
    for (down, right), color in corners.items():
        base[down * 56 : down * 56 + 8, right * 56 : right * 56 + 8] = color
    picture = upscaler.enlarge(base, width, height).astype(int)
    for (down, right), color in corners.items():
        y, x = (height // 16, height - 1 - height // 16)[down], (width // 16, width - 1 - width // 16)[right]
        assert np.abs(picture[y, x] - color).max() < 16
    # The corner's square ends an eighth of the way along each side: stretched, not cut.
    assert np.abs(picture[height // 16, width // 4] - 128).max() < 16
    assert np.abs(picture[height // 4, width // 16] - 128).max() < 16


@pytest.mark.parametrize(("width", "height"), [(512, 128), (512, 8), (64, 24)])
def test_beyond_them_both_sides_lose_the_same(upscaler, scenes, width, height):
    base = base_of(scenes[2])
    full = round(width / MOST_ASPECT)
    top = (full - height) // 2
    assert full_size(width, height) == (width, full)
    assert (upscaler.enlarge(base, width, height) == upscaler.enlarge(base, width, full)[top : top + height]).all()
    turned = upscaler.enlarge(base, height, width)
    assert (turned == upscaler.enlarge(base, full, width)[:, top : top + height]).all()


@pytest.mark.parametrize(
    ("width", "height", "least"), [(128, 128, 2.0), (256, 256, 1.2), (512, 512, 0.6), (160, 96, 0.5), (128, 256, 0.6)]
)
def test_enlarged_pictures_are_nearer_to_the_truth_than_lanczos(upscaler, scenes, width, height, least):
    found = gains(upscaler, scenes if width < 512 else scenes[:12], width, height)
    assert np.median(found) > least
    assert np.mean(np.array(found) > 0) >= 0.75


@pytest.mark.parametrize(("size", "plain_most"), [(128, 0.65), (256, 0.4), (512, 0.25)])
def test_edges_are_nearly_as_crisp_as_the_generators(upscaler, scenes, size, plain_most):
    mine, plain = [], []
    for scene in scenes[:12]:
        base, truth = base_of(scene), sharpness(np.asarray(drawing.draw(scene, size, size)))
        mine.append(sharpness(upscaler.enlarge(base, size, size)) / truth)
        plain.append(sharpness(lanczos(base, size, size)) / truth)
    assert 0.7 < np.median(mine) < 1.2
    assert np.median(plain) < plain_most


def test_the_noise_of_sampling_does_not_grow(upscaler):
    rng = np.random.default_rng(0)
    base = np.clip(np.rint(rng.normal((90, 140, 200), 2, (BASE, BASE, 3))), 0, 255).astype(np.uint8)
    assert upscaler.enlarge(base, 256, 256).std((0, 1)).max() <= base.std((0, 1)).max()


def test_the_network_is_small():
    assert FILE.stat().st_size <= 300_000


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"upsampler\.onnx is missing; `python -m smallworld\.training\.upsampler`"
    ):
        Upscaler(tmp_path / "upsampler.onnx")


# ---- the measure of crispness


def edge(width: float, contrast: float = 200.0) -> np.ndarray:
    """A vertical edge that rises over ``width`` pixels."""
    ramp = np.clip((np.arange(64) - 32) / width, 0, 1) * contrast
    return np.repeat(np.repeat(np.rint(ramp).astype(np.uint8)[None, :, None], 64, 0), 3, 2)


def test_sharpness_is_contrast_by_width():
    assert sharpness(edge(1)) == pytest.approx(200)
    assert sharpness(edge(4)) == pytest.approx(50)
    assert sharpness(edge(4, 100)) == pytest.approx(25)
    assert sharpness(edge(1)[:, :40]) == pytest.approx(sharpness(edge(1)))


def test_a_flat_picture_has_no_sharpness_and_noise_hides_none():
    assert sharpness(np.full((16, 16, 3), 77, np.uint8)) == 0
    noisy = edge(1).astype(int) + np.random.default_rng(0).integers(-2, 3, (64, 64, 3)) + 2
    assert sharpness(np.clip(noisy, 0, 255).astype(np.uint8)) == pytest.approx(200, rel=0.05)
