"""How often the model draws what was asked: held-out prompts with known answers (`questions`), judged by `judge`.

The judge is tried first on the generator's own pictures of the same prompts: no model can score above that ceiling,
and where it is below ``CEILING`` the judge is not good enough to say anything. It is also tried on pictures of other
prompts, which shows what a model would score that did not listen. Then the model draws every prompt once, each with a
seed of its own, at the endpoint's usual size.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from smallworld.bundle import WEIGHTS
from smallworld.sample import Drawing, SmallWorld
from smallworld.schedule import TURBO_STEPS

from .command import parser, say
from .generator.drawing import draw
from .generator.landscapes import Landscape, elements
from .measure.judge import MEASURES, Picture, judge, landscape_judge
from .measure.questions import SCORED, SEED, Question, Scene, questions
from .measure.sharpness import sharpness

SIZE = 128  # pixels; the endpoint's usual size
STEPS, GUIDANCE = 25, 4.0  # what the targets are about
CEILING = 98.0
TARGETS = {
    "foreground colour": 97,
    "background colour": 97,
    "shape": 90,
    "count": 80,
    "position": 90,
    "binding": 80,
    "landscape": 85,
}
MEANINGS = {
    "foreground colour": "every object is nearest to the palette colour that was asked for",
    "background colour": "the background is nearest to the palette colour that was asked for",
    "shape": "every object's outline is most like the shape that was asked for",
    "count": "exactly two, three, four or five objects, as asked",
    "position": "within 0.15 of the place, or in the relation, that was asked for",
    "binding": "of two objects each has its own colour and shape, not the other's",
    "landscape": "every element named is visible",
    "all": "everything asked for is right, and of shapes nothing else is there",
}
CURVES = Path(__file__).parents[1] / "card" / "curves.json"
CURVE_PROMPTS = 100
CURVE_STEPS = (4, 6, 8, 12, 16, 25, 35, 50)
CURVE_GUIDANCE = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)

Judged = dict[str, bool]
Percentages = dict[str, float]
Say = Callable[[str], None]


def shares(judged: Sequence[Judged]) -> Percentages:
    """How often each measure is right, in percent of the pictures that it applies to."""
    answers = {name: [each[name] for each in judged if name in each] for name in MEASURES}
    return {name: 100 * sum(values) / len(values) for name, values in answers.items() if values}


def percentages(scenes: Sequence[Scene], pictures: Sequence[Picture]) -> Percentages:
    """What the judge says of pictures of these scenes."""
    return shares([judge(scene, picture) for scene, picture in zip(scenes, pictures, strict=True)])


def own_pictures(asked: Sequence[Question]) -> list[Picture]:
    """The generator's own pictures of the prompts."""
    return [np.asarray(draw(scene, SIZE, SIZE)) for _, scene in asked]


def others_pictures(asked: Sequence[Question], pictures: Sequence[Picture]) -> list[Picture]:
    """For each prompt the picture of the next prompt of its kind."""
    kinds = ["landscape" if isinstance(scene, Landscape) else scene.kind for _, scene in asked]
    following = []
    for k, kind in enumerate(kinds):
        alike = [other for other, its_kind in enumerate(kinds) if its_kind == kind]
        following.append(pictures[alike[(alike.index(k) + 1) % len(alike)]])
    return following


def false_alarms(asked: Sequence[Question], pictures: Sequence[Picture]) -> float:
    """How often the judge sees an element that the generator did not draw, in percent of all it did not draw."""
    pairs = [(scene, picture) for (_, scene), picture in zip(asked, pictures, strict=True)]
    wrong = [
        name in seen
        for scene, seen in [(s, landscape_judge().visible(p)) for s, p in pairs if isinstance(s, Landscape)]
        for name in set(landscape_judge().names) - elements(scene)
    ]
    return 100 * sum(wrong) / max(1, len(wrong))


def incomplete(asked: Sequence[Question]) -> float:
    """How often a landscape without one of the elements asked for passes all the same, in percent.

    Every weather, thing and thing in the sky is left out once, of the generator's own picture.
    """
    passed = []
    for scene in (scene for _, scene in asked if isinstance(scene, Landscape)):
        for name in elements(scene) - {scene.ground, scene.time}:
            poorer = dataclasses.replace(
                scene,
                sky=[each for each in scene.sky if each != name],
                things=[each for each in scene.things if each.name != name],
                weather="" if scene.weather == name else scene.weather,
            )
            passed.append(judge(scene, np.asarray(draw(poorer, SIZE, SIZE)))["landscape"])
    return 100 * sum(passed) / max(1, len(passed))


def answers(
    model: SmallWorld, asked: Sequence[Question], steps: int, guidance: float, workers: int
) -> tuple[list[Picture], float]:
    """The model's picture of each prompt, with the prompt's number as its seed, and the seconds that all took.

    Parameters
    ----------
    model : SmallWorld
    asked : sequence of (str, Scene)
    steps, guidance : int, float
    workers : int
        How many pictures are drawn at a time.
    """

    def one(number: int) -> Picture:
        drawing = Drawing("", steps, guidance, SIZE, SIZE, number)
        return model.draw(asked[number][0], drawing)[0]

    begun = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        pictures = list(pool.map(one, range(len(asked))))
    return pictures, time.perf_counter() - begun


def limits(asked: Sequence[Question]) -> dict[str, Any]:
    """What the judge says of the generator's own pictures, and of another prompt's."""
    scenes, own = [scene for _, scene in asked], own_pictures(asked)
    return {
        "ceiling": percentages(scenes, own),
        "another_prompts_picture": percentages(scenes, others_pictures(asked, own)),
        "false_alarms": false_alarms(asked, own),
        "incomplete": incomplete(asked),
        "sharpness": float(np.mean([sharpness(picture) for picture in own])),
    }


def too_low(ceiling: Percentages) -> list[str]:
    """The measures in which the judge is not good enough, for an error message."""
    return [f"{name} {value:.1f} %" for name, value in ceiling.items() if value < CEILING]


def score(model: SmallWorld, asked: Sequence[Question], steps: int, guidance: float, workers: int) -> dict[str, Any]:
    """Draw and judge every prompt.

    Parameters
    ----------
    model : SmallWorld
    asked : sequence of (str, Scene)
    steps, guidance : int, float
    workers : int
        How many pictures are drawn at a time.

    Returns
    -------
    dict
        ``steps``, ``guidance``, ``scores`` (percent by measure), ``pictures`` (how many each is of), ``sharpness``,
        ``seconds_each`` and ``wrong``: prompts with what is wrong in their pictures.
    """
    pictures, seconds = answers(model, asked, steps, guidance, workers)
    judged = [judge(scene, picture) for (_, scene), picture in zip(asked, pictures, strict=True)]
    failures = [[name for name, right in each.items() if not right and name != "all"] for each in judged]
    return {
        "steps": steps,
        "guidance": guidance,
        "scores": shares(judged),
        "pictures": {name: sum(name in each for each in judged) for name in MEASURES},
        "sharpness": float(np.mean([sharpness(picture) for picture in pictures])),
        "seconds_each": seconds / len(asked),
        "wrong": {
            prompt: names or ["something else is there"]
            for (prompt, _), names, each in zip(asked, failures, judged, strict=True)
            if not each["all"]
        },
    }


def markdown(result: Mapping[str, Any], limit: Mapping[str, Any]) -> str:
    """The table of the model card: targets, what the model reaches, and what the judge says of other pictures."""
    lines = ["| measure | target | model | | generator's own | another prompt's | pictures | right when |"]
    lines.append("| --- " * 8 + "|")
    for name in (name for name in MEASURES if name in result["scores"]):
        value, target = result["scores"][name], TARGETS.get(name)
        verdict = "" if target is None else "pass" if value >= target else "**fail**"
        cells = [name, "" if target is None else f"≥ {target}", f"{value:.1f}", verdict]
        cells += [f"{limit[key][name]:.1f}" for key in ("ceiling", "another_prompts_picture")]
        lines.append("| " + " | ".join([*cells, str(result["pictures"][name]), MEANINGS[name]]) + " |")
    sharp = 100 * result["sharpness"] / limit["sharpness"]
    lines += [
        "",
        f"Percent of pictures of {SIZE} × {SIZE}. Edges are {sharp:.0f} % as steep as the generator's own. Of the "
        f"elements that are not in a landscape, the judge sees {limit['false_alarms']:.1f} % all the same; of the "
        f"generator's landscapes that lack one of the elements asked for, it passes {limit['incomplete']:.1f} %.",
    ]
    return "\n".join(lines)


def curves(model: SmallWorld, asked: Sequence[Question], workers: int, say: Say) -> dict[str, list[dict[str, Any]]]:
    """Quality against steps at the usual guidance, and against guidance at the usual steps.

    Parameters
    ----------
    model : SmallWorld
    asked : sequence of (str, Scene)
    workers : int
        How many pictures are drawn at a time.
    say : callable
        Is given a line of JSON for each pair of steps and guidance.
    """
    settings = {
        "steps": [(steps, GUIDANCE) for steps in CURVE_STEPS],
        "guidance": [(STEPS, guidance) for guidance in CURVE_GUIDANCE],
    }
    done: dict[tuple[int, float], dict[str, Any]] = {}
    for pair in dict.fromkeys(pair for pairs in settings.values() for pair in pairs):
        row = score(model, asked, *pair, workers)
        done[pair] = {key: row[key] for key in ("steps", "guidance", "scores", "sharpness", "seconds_each")}
        say(json.dumps(done[pair]))
    return {name: [done[pair] for pair in pairs] for name, pairs in settings.items()}


def _write(path: Path, result: Mapping[str, Any]) -> None:
    """Write the numbers, rounded: more digits than there are prompts would be noise."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(each) for key, each in value.items()}
        if isinstance(value, list):
            return [rounded(each) for each in value]
        return round(value, 3) if isinstance(value, float) else value

    path.write_text(json.dumps(rounded(dict(result)), indent=1) + "\n")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    command = parser("score", __doc__)
    command.add_argument(
        "--weights", type=Path, default=WEIGHTS, help="folder of the ONNX files (default: %(default)s)"
    )
    command.add_argument(
        "--prompts", type=int, help=f"how many; only the first {SCORED} are held out of training (default: {SCORED}, "
        f"for curves {CURVE_PROMPTS})",
    )  # fmt: skip
    command.add_argument("--steps", type=int, default=STEPS, help="(default: %(default)s)")
    command.add_argument("--guidance", type=float, default=GUIDANCE, help="(default: %(default)s)")
    command.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="pictures at a time (default: cores)")
    command.add_argument("--turbo", action="store_true", help=f"the model of {TURBO_STEPS} steps")
    command.add_argument("--curves", action="store_true", help=f"quality by steps and by guidance, into {CURVES.name}")
    command.add_argument("--json", type=Path, help="write every number to this file")
    options = command.parse_args(arguments)
    if options.turbo and options.curves:
        command.error("--turbo has one number of steps and one guidance: there are no curves of it")
    options.prompts = options.prompts or (CURVE_PROMPTS if options.curves else SCORED)
    return options


def main(arguments: list[str] | None = None) -> None:
    """Command line of ``make score``."""
    options = _options(arguments)
    asked = questions(options.prompts, SEED)
    limit = limits(asked)
    say("judge on the generator's own pictures: " + ", ".join(f"{k} {v:.1f} %" for k, v in limit["ceiling"].items()))
    if problems := too_low(limit["ceiling"]):
        sys.exit(f"the judge is not good enough to score with: {', '.join(problems)}; at least {CEILING:g} % is needed")
    if options.curves:
        drawn = curves(SmallWorld(options.weights), asked, options.workers, say)
        _write(options.json or CURVES, {"prompts": len(asked), **limit, **drawn})
        return
    model = SmallWorld(options.weights, turbo=options.turbo)
    steps, guidance = (TURBO_STEPS, 1.0) if options.turbo else (options.steps, options.guidance)
    how = f"turbo, {steps} steps" if options.turbo else f"{steps} steps, guidance {guidance:g}"
    say(f"drawing {len(asked)} prompts: {how}, {options.workers} at a time")
    result = score(model, asked, steps, guidance, options.workers)
    say(f"{result['seconds_each']:.2f} s a picture\n\n{markdown(result, limit)}")
    if options.json:
        _write(options.json, {"prompts": len(asked), "turbo": options.turbo, **result, "judge": limit})


if __name__ == "__main__":
    main()
