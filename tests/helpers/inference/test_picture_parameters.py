"""``image``, ``mask_image`` and ``strength``: the client refuses what cannot work, the model takes what it sends."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from smallworld import pictures
from smallworld.request import DEFAULT, check

from contract.errors import ParameterError
from contract.names import SMALLWORLD, SMALLWORLD_MODELS, SMALLWORLD_TURBO
from helpers.inference import picture_parameters
from helpers.inference.parameters import Limits, checked_request, limits_of

SMALL = limits_of(SMALLWORLD)
PIXELS = np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8)
LEFT = np.zeros((16, 24), bool)
LEFT[:, :7] = True


def file(pixels, form="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def text(data):
    return base64.b64encode(data).decode()


PNG, MASK_PNG = file(PIXELS), file(LEFT)
DEEP = file(np.full((16, 24), 40_000, np.uint16))


def sent(limits=SMALL, **parameters):
    """The drawing that the model makes of what the client sends."""
    request = json.loads(json.dumps(checked_request("a red circle", parameters, limits=limits)))
    checked = check(request)
    assert checked.warnings == ()
    return checked.drawings[0]


@pytest.mark.parametrize("model", SMALLWORLD_MODELS)
@pytest.mark.parametrize("image", [PIXELS, Image.fromarray(PIXELS), PNG, bytearray(PNG), text(PNG)])
def test_the_model_gets_the_picture_to_the_bit(model, image):
    drawing = sent(limits_of(model), image=image)
    np.testing.assert_array_equal(drawing.image, PIXELS)
    assert (drawing.mask, drawing.strength) == (None, DEFAULT.strength)


@pytest.mark.parametrize(
    "mask", [LEFT, LEFT.astype(np.uint8) * 255, LEFT * np.uint8(128), Image.fromarray(LEFT), MASK_PNG, text(MASK_PNG)]
)
def test_the_model_gets_the_mask_to_the_bit(mask):
    np.testing.assert_array_equal(sent(image=PIXELS, mask_image=mask).mask, LEFT)


@pytest.mark.parametrize(("strength", "number"), [(0, 0.0), (1, 1.0), (np.float32(0.5), 0.5), (None, DEFAULT.strength)])
def test_strength(strength, number):
    assert sent(image=PIXELS, strength=strength).strength == number


def test_what_is_sent_is_a_png_whatever_came():
    request = checked_request("a", {"image": file(PIXELS, "JPEG"), "mask_image": LEFT}, limits=SMALL)
    for name in ("image", "mask_image"):
        picture = Image.open(io.BytesIO(base64.b64decode(request[name])))
        assert (picture.format, picture.size) == ("PNG", (24, 16))


def test_a_photograph_is_sent_upright_and_without_what_the_camera_wrote():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"  # orientation and maker
    request = checked_request("a", {"image": file(PIXELS, exif=exif)}, limits=SMALL)
    np.testing.assert_array_equal(check(request).drawings[0].image, np.rot90(PIXELS, -1))
    assert b"camera" not in base64.b64decode(request["image"])


def test_transparency_is_laid_on_white():
    clear = np.dstack([PIXELS, np.zeros((16, 24), np.uint8)])
    assert (sent(image=Image.fromarray(clear)).image == 255).all()


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        (7, ["image = int"]),
        ([[1, 2]], ["image = list"]),
        (PIXELS / 255, ["image = array of float64, shape (16, 24, 3)"]),
        (PIXELS[..., 0], ["image = array of uint8, shape (16, 24)"]),
        (PIXELS[:0], ["image = array of uint8, shape (0, 24, 3)"]),
        (b"GIF89a", ["image = 6 bytes that are neither PNG nor JPEG"]),
        (PNG[: len(PNG) // 2], ["image = damaged picture"]),
        ("star.png", ["image = text that is not base64"]),
        (text(b"star"), ["image = 4 bytes that are neither PNG nor JPEG"]),
        (DEEP, ["image = picture of mode I;16, with more than 8 bits"]),
        (np.zeros((4001, 4000, 3), np.uint8), ["image = picture of 4000 × 4001 pixels", "16 megapixels"]),
    ],
)
def test_a_bad_picture_says_what_it_is_and_what_is_allowed(image, parts):
    with pytest.raises(ParameterError) as caught:
        checked_request("a", {"image": image}, limits=SMALL)
    for part in [*parts, "must be a picture: a PIL image, a uint8 array of shape", "Nothing was uploaded."]:
        assert part in str(caught.value)


def test_a_picture_that_is_too_large_as_png():
    noise = np.random.default_rng(2).integers(0, 256, (1200, 1200, 3), np.uint8)
    with pytest.raises(ParameterError, match=r"image = picture of 4,3.*bytes as PNG: .*at most .* 4 MB as PNG"):
        checked_request("a", {"image": noise}, limits=SMALL)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"mask_image": LEFT}, "mask_image was given without image"),
        ({"strength": 0.5}, "strength was given without image"),
        ({"image": PIXELS, "mask_image": LEFT.T}, "mask_image = mask of 16 × 24 pixels .*the size of image, 24 × 16"),
        (
            {"image": PIXELS, "mask_image": PIXELS},
            r"mask_image = array of uint8, shape \(16, 24, 3\): must be a mask",
        ),
        ({"image": PIXELS, "mask_image": LEFT * 1.0}, r"mask_image = array of float64, shape \(16, 24\)"),
        ({"image": PIXELS, "mask_image": True}, "mask_image = bool"),
        ({"image": PIXELS, "strength": 1.01}, "strength = 1.01: must be a number, 0 to 1"),
        ({"image": PIXELS, "strength": -0.1}, "strength = -0.1"),
        ({"image": PIXELS, "strength": float("nan")}, "strength = nan"),
        ({"image": PIXELS, "strength": "0.5"}, "strength = '0.5'"),
        ({"image": PIXELS, "strength": True}, "strength = True"),
        ({"init_image": PIXELS}, "'init_image'; did you mean 'image'"),
    ],
)
def test_what_does_not_go_together(parameters, said):
    with pytest.raises(ParameterError, match=f"(?s){said}.* Nothing was uploaded"):
        checked_request("a", parameters, limits=SMALL)


@pytest.mark.parametrize("parameters", [{"image": PIXELS}, {"mask_image": LEFT}, {"strength": 0.5}])
def test_other_models_take_no_pictures(parameters):
    (name,) = parameters
    with pytest.raises(ParameterError) as caught:
        checked_request("a", parameters, limits=Limits(model="model-txt2img-other"))
    for part in (f"{name} was given", "model-txt2img-other takes no pictures", SMALLWORLD, SMALLWORLD_TURBO):
        assert part in str(caught.value)


def test_both_ends_have_the_same_ceilings():
    assert (picture_parameters.MOST_BYTES, picture_parameters.MOST_PIXELS) == (
        pictures.MOST_BYTES,
        pictures.MOST_PIXELS,
    )
