from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image
from smallworld.prompt import MAX_TOKENS, read
from smallworld.sample import Drawing
from smallworld.training import curves, score
from smallworld.training.generator import landscapes
from smallworld.training.generator.drawing import draw, sample_caption
from smallworld.training.generator.landscapes import Landscape
from smallworld.training.measure.judge import MEASURES
from smallworld.training.measure.questions import SCORED, SEED, held_out, questions


class Perfect:
    """A model that knows the answers: it draws each prompt's scene; with ``only`` it always draws that prompt's."""

    def __init__(self, only: str = "") -> None:
        self.scenes, self.only, self.drawings = dict(questions(SCORED, SEED)), only, []

    def draw(self, prompt: str, drawing: Drawing, count: int = 1) -> list[Any]:
        self.drawings.append(drawing)
        return [np.asarray(draw(self.scenes[self.only or prompt], drawing.width, drawing.height))] * count


# ---- questions


@pytest.mark.parametrize("count", [4_000, pytest.param(20_000, marks=pytest.mark.rare)])
def test_scored_prompts_are_never_captions(count):
    rng = random.Random("captions")
    excluded = frozenset(read(prompt).words for prompt in held_out())
    assert len(held_out()) == SCORED
    captions = [sample_caption(rng, excluded)[1] for _ in range(count)]
    assert not held_out() & set(captions)
    assert not excluded & {read(text).words for text in captions}, "not in other words either"


def test_questions_are_the_same_every_time_and_fewer_are_the_first_ones():
    assert questions(50, SEED) == questions(SCORED, SEED)[:50]
    assert {prompt for prompt, _ in questions(50, SEED)} <= held_out()
    assert questions(5, 1) != questions(5, 2)


def test_any_hundred_questions_are_of_every_kind():
    asked = [scene for _, scene in questions(100, SEED)]
    kinds = ["landscape" if isinstance(scene, Landscape) else scene.kind for scene in asked]
    shares = {kind: kinds.count(kind) for kind in kinds}
    assert shares == {"one": 16, "position": 16, "count": 16, "relation": 16, "pair": 16, "landscape": 20}
    counts = [scene.groups[0].count for scene in asked if scene.landscape is False and scene.kind == "count"]
    assert sorted(counts) == sorted([2, 3, 4, 5] * 4)


def test_two_objects_differ_in_colour_and_shape():
    for _, scene in questions(SCORED, SEED):
        if scene.landscape is False and scene.kind in ("pair", "relation"):
            first, second = scene.groups
            assert first.shape != second.shape
            assert first.color != second.color


def test_a_landscapes_prompt_names_every_element_of_its_scene():
    spoken = {"crescent": "crescent moon", "city": "city", "cloudy": "cloudy day", "hills": "green hills"}
    for prompt, scene in questions(SCORED, SEED):
        if isinstance(scene, Landscape):
            assert all(spoken.get(name, name) in prompt for name in landscapes.elements(scene)), prompt
            assert len(landscapes.elements(scene)) > 2


def test_a_prompt_fits_into_what_the_model_reads():
    readings = [read(prompt) for prompt in held_out()]
    assert max(len(reading.words) for reading in readings) <= MAX_TOKENS - 2
    assert not any(reading.unknown or reading.corrected for reading in readings)


# ---- the score


def test_the_judge_lets_the_generators_pictures_through_and_no_others():
    limit = score.limits(questions(100, SEED))
    assert set(limit["ceiling"]) == set(MEASURES)
    assert score.too_low(limit["ceiling"]) == []
    assert limit["another_prompts_picture"]["all"] < 5
    assert limit["another_prompts_picture"]["landscape"] < 20
    assert limit["false_alarms"] < 3
    assert limit["incomplete"] < 10


def test_a_perfect_model_passes_and_a_deaf_one_fails():
    asked = questions(50, SEED)
    perfect, deaf = Perfect(), Perfect(only=asked[0][0])
    result = score.score(perfect, asked, 7, 3.0, workers=2)
    assert all(value >= 90 for value in result["scores"].values()), result["wrong"]
    assert perfect.drawings[0].steps == 7
    assert perfect.drawings[0].guidance_scale == 3.0
    assert sorted(each.seed for each in perfect.drawings) == list(range(50))
    result = score.score(deaf, asked, 7, 3.0, workers=1)
    assert all(value < 40 for name, value in result["scores"].items() if name != "landscape")
    assert result["scores"]["landscape"] == 0
    assert len(result["wrong"]) == sum(1 for _ in asked) - 1


def test_the_table_says_what_passes_and_what_fails():
    result = {
        "scores": {"shape": 89.96, "count": 80.0, "all": 55.0},
        "pictures": {"shape": 400, "count": 80, "all": 500},
        "sharpness": 18.0,
    }
    limit = {
        "ceiling": {"shape": 99.0, "count": 100.0, "all": 98.5},
        "another_prompts_picture": {"shape": 10.0, "count": 25.0, "all": 0.0},
        "false_alarms": 0.7,
        "incomplete": 3.3,
        "sharpness": 20.0,
    }
    table = score.markdown(result, limit).splitlines()
    assert table[2].startswith("| shape | ≥ 90 | 90.0 | **fail** | 99.0 | 10.0 | 400 |")
    assert table[3].startswith("| count | ≥ 80 | 80.0 | pass | 100.0 | 25.0 | 80 |")
    assert table[4].startswith("| all |  | 55.0 |  | 98.5 | 0.0 | 500 |")
    assert len({line.count("|") for line in table[:5]}) == 1
    assert "90 % as steep" in table[-1]
    assert "0.7 %" in table[-1]
    assert "3.3 %" in table[-1]


def test_a_judge_that_refuses_the_generators_pictures_ends_the_score(monkeypatch, capsys):
    monkeypatch.setattr(score, "own_pictures", lambda asked: [np.zeros((64, 64, 3), np.uint8)] * len(asked))
    with pytest.raises(SystemExit) as ended:
        score.main(["--prompts", "25"])
    assert "not good enough" in str(ended.value)
    assert "shape 0.0 %" in str(ended.value)


def test_the_command_writes_its_numbers(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(score, "SmallWorld", lambda folder, turbo=False: Perfect())
    score.main(["--prompts", "25", "--json", str(tmp_path / "score.json")])
    assert "| binding | ≥ 80 | 100.0 | pass |" in capsys.readouterr().out
    written = json.loads((tmp_path / "score.json").read_text())
    assert written["steps"] == 25
    assert written["guidance"] == 4.0
    assert written["scores"]["binding"] == 100.0
    assert written["judge"]["ceiling"]["binding"] == 100.0


def test_the_turbo_model_is_asked_for_and_has_four_steps(monkeypatch, tmp_path):
    made = []

    def model(folder: Any, **options: bool) -> Perfect:
        made.append((Perfect(), options))
        return made[-1][0]

    monkeypatch.setattr(score, "SmallWorld", model)
    score.main(["--prompts", "25", "--turbo", "--json", str(tmp_path / "score.json")])
    ((perfect, options),) = made
    assert options == {"turbo": True}
    assert {drawing.steps for drawing in perfect.drawings} == {4}
    with pytest.raises(SystemExit):
        score.main(["--turbo", "--curves"])


def test_the_curves_are_measured_and_drawn(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(score, "SmallWorld", lambda folder, turbo=False: Perfect())
    monkeypatch.setattr(score, "CURVE_STEPS", (4, 25))
    monkeypatch.setattr(score, "CURVE_GUIDANCE", (1.0, 4.0))
    score.main(["--prompts", "25", "--curves", "--json", str(tmp_path / "curves.json")])
    written = json.loads((tmp_path / "curves.json").read_text())
    assert [row["steps"] for row in written["steps"]] == [4, 25]
    assert [row["guidance"] for row in written["guidance"]] == [1.0, 4.0]
    assert written["steps"][1] == written["guidance"][1]
    assert written["guidance"][0]["scores"]["shape"] >= 90
    picture = tmp_path / "curves.png"
    curves.main(["--numbers", str(tmp_path / "curves.json"), "--out", str(picture)])
    assert Image.open(picture).width > 800
    first = picture.read_bytes()
    curves.main(["--numbers", str(tmp_path / "curves.json"), "--out", str(picture)])
    assert picture.read_bytes() == first


def test_labels_of_curves_that_end_together_are_moved_apart():
    assert curves.apart([99.0, 98.0, 50.0], 5.0, 100.0) == [99.0, 94.0, 50.0]
    assert curves.apart([100.0] * 3, 5.0, 100.0) == [100.0, 95.0, 90.0]
