"""The pages of Workshop Studio: up to date, in its form, and every link and picture leads somewhere."""

import json
import re

import pytest
import yaml

from contract.settings import ROOT
from scripts import event_content as content

PAGES = sorted(content.CONTENT.rglob("*.md"))


def front(page):
    """The front matter, and the rest."""
    _, matter, body = page.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(matter), body


def address(page):
    """``content/01-deploy/index.en.md`` → ``/01-deploy``."""
    return "/" + page.parent.relative_to(content.CONTENT).as_posix().removeprefix(".")


def test_pages_are_those_of_the_notebooks():
    assert [str(path.relative_to(ROOT)) for path in content.stale()] == [], "run make event"


def test_a_changed_notebook_makes_its_page_stale(tmp_path, monkeypatch):
    (notebook,) = [path for path in content.NOTEBOOKS if path.name.startswith("05")]
    changed = json.loads(notebook.read_text())
    changed["cells"][0]["source"] = "# 5 · Another title\n\n**Time:** 1. **Cost:** 2. **Before:** 3."
    (tmp_path / notebook.name).write_text(json.dumps(changed))
    others = [tmp_path / notebook.name if path == notebook else path for path in content.NOTEBOOKS]
    monkeypatch.setattr(content, "NOTEBOOKS", others)
    assert {path.parent.name for path in content.stale()} == {"content", "05-zero-to-many"}


def test_every_page_has_a_title_and_a_place():
    matters = {page: front(page)[0] for page in PAGES}
    assert all({*matter} == {"title", "weight"} and matter["title"] for matter in matters.values())
    weights = [matter["weight"] for matter in matters.values()]
    assert len(set(weights)) == len(weights)
    assert all(page.name == "index.en.md" for page in PAGES)  # as for the locale en-US


def test_pages_come_in_the_order_of_the_notebooks():
    chapters = [page for page in PAGES if page.parent.parent == content.CONTENT]
    ordered = [page.parent.name for page in sorted(chapters, key=lambda page: front(page)[0]["weight"])]
    assert ordered == ["introduction", *(content.slug(notebook) for notebook in content.NOTEBOOKS)]


@pytest.mark.parametrize("page", PAGES, ids=address)
def test_links_and_pictures_lead_somewhere(page):
    body = re.sub(r"```.*?```", "", front(page)[1], flags=re.DOTALL)
    addresses = {address(other) for other in PAGES}
    for target in re.findall(r"\]\(([^)\s]+)", body):
        if target.startswith("/static/"):
            assert (ROOT / target.lstrip("/")).is_file(), target
        elif not target.startswith("https://"):
            assert target.partition("#")[0] in addresses, target


@pytest.mark.parametrize("page", PAGES, ids=address)
def test_there_is_nothing_that_only_jupyter_shows(page):
    body = re.sub(r"```.*?```|`[^`]*`", "", front(page)[1], flags=re.DOTALL)
    assert not re.search(r"</?[a-z]+[ >]|<!--", body), "HTML"
    assert "../" not in body
    opened = re.findall(r"^(:{3,})\w+(?:\{.*\})?$", body, re.MULTILINE)
    closed = re.findall(r"^(:{3,})$", body, re.MULTILINE)
    assert sorted(opened) == sorted(closed)


def test_notebooks_are_named_as_they_are():
    for notebook in content.NOTEBOOKS:
        body = (content.CONTENT / content.slug(notebook) / "index.en.md").read_text()
        assert f"`notebooks/{notebook.name}`" in body


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("see [1 · Push](01_deploy.ipynb)", "see [1 · Push](/01-deploy)"),
        ("![a picture](../docs/architecture.svg)", "![a picture](/static/images/architecture.svg)"),
        ("[why](../docs/decisions/0001-x.md)", "why (`docs/decisions/0001-x.md`)"),
        (
            "<details>\n<summary>Solution</summary>\n\nAs `x`.\n\n</details>",
            '::::expand{header="Solution"}\nAs `x`.\n::::',
        ),
        ("```python\na  =  1\n\n\nb\n```", "```python\na  =  1\n\n\nb\n```"),
        ("| a | b |\n| --- | --- |", "| a | b |\n| --- | --- |"),
        ("one\ntwo\n\n- three\n  four\n- five", "one two\n\n- three four\n- five"),
    ],
)
def test_what_workshop_studio_writes_otherwise(given, wanted):
    assert content.adapted(given).strip() == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Who decides? It may choose any number:", "Who decides?"),
        ("## Two policies\n\nOurs are:", "## Two policies"),
        ("Look at `a:b`. **Predict:** what comes?", "Look at `a:b`. **Predict:** what comes?"),
    ],
)
def test_a_sentence_that_leads_to_code_is_left_out(given, wanted):
    assert content.unfinished(given) == wanted


def test_a_filled_line_does_not_begin_like_an_item():
    words = "x" * 116 + " - and what it adds"
    assert not any(line.lstrip().startswith("- ") for line in content.wrapped(words))


def test_only_text_before_the_code_of_a_part_is_shown():
    (notebook,) = [path for path in content.NOTEBOOKS if path.name.startswith("05")]
    shown = "\n".join(content.parts(notebook))
    assert "Read it from left to right" not in shown  # explains a figure that only the notebook has
    assert "## Quiz" not in shown
    assert "heating thermostat" not in shown
    assert "## Fifty prompts arrive" in shown
