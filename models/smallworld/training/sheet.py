"""Contact sheets: prompts down, seeds across, so that one look shows what the model can and cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from smallworld.bundle import WEIGHTS
from smallworld.sample import Drawing, SmallWorld

from .command import parser

LABEL = 15  # pixels for the prompt above its row

SHAPES = (
    "a red circle on a blue background",
    "a green square on a white background",
    "a purple triangle on an orange background",
    "a yellow star on a black background",
    "a pink heart on a gray background",
    "an orange diamond on a cyan background",
    "a blue ring on a yellow background",
    "a white cross on a red background",
    "a cyan crescent on a purple background",
    "a brown hexagon on a pink background",
)
SCENES = (
    "three green circles on a yellow background",
    "a red triangle above a blue square on a white background",
    "a white sailboat on the sea on a sunny day",
    "a red house and two trees on green hills under a blue sky",
    "a night sky with stars and the moon over mountains",
    "a lighthouse on the sea at sunset",
    "a windmill in a field with a rainbow",
    "a snowman and a pine tree in the snow",
    "a city at night in the rain",
    "a cactus and a red tent in the desert at sunset",
    "a blue balloon over the mountains at sunrise",
    "two mushrooms on green hills in fog",
)
STYLES = (
    "a yellow star on a purple background, pixel art",
    "a red heart on a white background, watercolour",
    "a green circle on an orange background at night",
    "a windmill on green hills, pixel art",
    "a house and a tree in a field, watercolour",
    "a boat on the sea at sunset, pixel art",
)
FAILURES = (
    "a red circle inside a blue ring",
    "three red circles, two blue squares and a yellow star",
    "a boat in the desert",
    "a purple tree on green hills",
    "a house on a white background",
    "a green dragon over a castle",
)
SETS = {"shapes": SHAPES, "scenes": SCENES, "styles": STYLES, "failures": FAILURES}


def sheet(model: SmallWorld, prompts: Sequence[str], drawing: Drawing, across: int) -> Image.Image:
    """Draw each prompt several times.

    Parameters
    ----------
    model : SmallWorld
    prompts : sequence of str
        In two columns when there are more than three.
    drawing : Drawing
        Everything else that decides the pictures.
    across : int
        How many pictures of each prompt.
    """
    cell = drawing.width
    columns = 2 if len(prompts) > 3 else 1
    rows = -(-len(prompts) // columns)
    page = Image.new("RGB", (columns * across * cell, rows * (drawing.height + LABEL)), "white")
    pen = ImageDraw.Draw(page)
    for k, prompt in enumerate(prompts):
        left, top = k // rows * across * cell, k % rows * (drawing.height + LABEL)
        pen.text((left + 2, top + 2), prompt, fill="black")
        for number, picture in enumerate(model.draw(prompt, drawing, across)):
            page.paste(Image.fromarray(np.ascontiguousarray(picture)), (left + number * cell, top + LABEL))
    return page


def main(arguments: list[str] | None = None) -> None:
    """Command line: ``python -m smallworld.training.sheet OUT.png``."""
    command = parser("sheet", __doc__)
    command.add_argument("out", type=Path)
    command.add_argument("--weights", type=Path, default=WEIGHTS)
    command.add_argument("--set", choices=SETS, default="shapes", help="which prompts")
    command.add_argument("--prompt", nargs="+", help="prompts in place of a set")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--across", type=int, default=4, help="pictures of each prompt")
    command.add_argument("--size", type=int, default=128)
    command.add_argument("--steps", type=int, default=Drawing.steps)
    command.add_argument("--guidance", type=float, default=Drawing.guidance_scale)
    command.add_argument("--turbo", action="store_true", help="the model of four steps")
    options = command.parse_args(arguments)
    drawing = Drawing("", options.steps, options.guidance, options.size, options.size, options.seed)
    page = sheet(
        SmallWorld(options.weights, workers=2, turbo=options.turbo),
        options.prompt or SETS[options.set],
        drawing,
        options.across,
    )
    # Sheets are flat colour: a palette of 192 keeps them small in the repository.
    page.quantize(192, dither=Image.Dither.NONE).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
