"""Write ``content/``, the pages of AWS Workshop Studio, from the notebooks' Markdown: a page for each notebook.

Workshop Studio shows the pages in ``content/``, in the order of their ``weight``, with pictures from ``static/``:
awslabs/multi-az-workshop and san99tiago/aws-multi-agent-fsi-workshop are public examples of the form. A page is to be
read beside the notebook: what it is about, what to do, and the text that leads to the code of each part; the code
itself is in the notebook. ``content/introduction/`` is written by hand and left alone.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTENT = ROOT / "content"
PICTURES = ROOT / "static" / "images"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDTH = 118
MARK = "# Written by `make event` from notebooks/{}; do not edit it."
WITHOUT_TEXT = ("Quiz", "Checkpoints", "Where to go next")
"""Parts that consist of code, or lead to other notebooks, which the pages' own order does."""
INDEX = """\
---
title: "Asynchronous generative AI on AWS"
weight: 0
{mark}
---

You build AWS's *Guidance for Generative AI Deployments using Amazon SageMaker JumpStart* by running it. Prompts wait in
the queue of an endpoint that scales from zero instances, and come back as numbers that become pictures. A push to a Git
repository deploys all of it.

{picture}

**What you will be able to do:** deploy a text-to-image model by a pipeline, generate pictures through an asynchronous
endpoint, let it scale from zero to many instances and back, follow a request through every service, and operate it.

**What you need:** a browser. Python and Git help; you need no experience with AWS or with machine learning.

| page | time | cost in your own account |
| --- | --- | --- |
{rows}

Begin with [how you got here](/introduction): at an AWS event, or in your own account.
"""
WHAT_TO_DO = """\
## What to do

1. In JupyterLab, open `notebooks/{file}`, and choose the kernel **Async GenAI workshop** in its upper right corner.
2. Run its cells from the top, one after another, with Shift+Enter. Where it says **Predict**, answer before you run on.
3. At **Checkpoints**, each line must show a tick; a line that does not says what to do. Then do the exercise and the
   quiz.

:::alert{{header="What follows" type="info"}}
The text below leads to the code of each part of the notebook, to read ahead or to come back to.
:::
"""


def slug(notebook: Path) -> str:
    """``01_deploy.ipynb`` → ``01-deploy``, the folder and the address of its page."""
    return notebook.stem.replace("_", "-")


def cells(notebook: Path) -> Iterator[tuple[str, str]]:
    """Type and source of each cell."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        yield cell["cell_type"], "".join(cell["source"]).strip()


def opening(notebook: Path) -> tuple[str, str]:
    """Title, and the rest of the first cell."""
    kind, text = next(cells(notebook))
    title, _, rest = text.partition("\n")
    if kind != "markdown" or not title.startswith("# "):
        sys.exit(f"{notebook.name} must begin with a Markdown cell and its title.")
    return title.removeprefix("# "), rest.strip()


def parts(notebook: Path) -> Iterator[str]:
    """Each part, from its heading to its first code."""
    reading, sources = False, list(cells(notebook))
    for (kind, text), (following, _) in zip(sources[1:], [*sources[2:], ("", "")], strict=True):
        if kind != "markdown":
            reading = False
            continue
        sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
        for number, section in enumerate(sections, 1):
            part = unfinished(section.strip()) if following == "code" and number == len(sections) else section.strip()
            if part.startswith("## "):
                title, _, prose = part.partition("\n")
                reading = bool(prose.strip()) and title[3:].strip() not in WITHOUT_TEXT
            if reading and part:
                yield part


def unfinished(text: str) -> str:
    """The text without a last sentence that ends with a colon: the code that it leads to is not on the page."""
    return re.sub(r"(?:(?<=[.?!])\s+|\n\n|\A)[^.?!#]*:\Z", "", text)


# ---- from a notebook's Markdown to Workshop Studio's


def adapted(text: str) -> str:
    """Links, pictures and folded parts as Workshop Studio has them; paragraphs filled to one width."""
    text = re.sub(r"!\[([^\]]*)\]\(\.\./([^)]+)\)", _picture, text)
    text = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", lambda found: f"](/{found[1].replace('_', '-')})", text)
    text = re.sub(r"\[([^\]]*)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", text)
    folded = r"<details>\s*<summary>(.*?)</summary>\s*(.*?)\s*</details>"
    text = re.sub(folded, r'::::expand{header="\1"}\n\2\n::::', text, flags=re.DOTALL)
    return "\n".join(filled(text))


def _picture(found: re.Match[str]) -> str:
    return f"![{found[1]}](/static/images/{Path(found[2]).name})"


def filled(text: str) -> Iterator[str]:
    """Lines with paragraphs and items of lists filled; tables, code and directives as they are."""
    fenced, paragraph = False, ""
    for line in [*text.split("\n"), ""]:
        fence = line.lstrip().startswith("```")
        plain = line.strip() and not fence and not fenced and not re.match(r"\s*(\||#|:::|!\[)", line)
        item = bool(re.match(r"\s*([-*]|\d+\.) ", line))
        if paragraph and (not plain or item):
            yield from wrapped(paragraph)
            paragraph = ""
        if not plain:
            if line or not fenced:
                yield line
            elif fenced:
                yield ""
        elif paragraph:
            paragraph += " " + line.strip()
        else:
            paragraph = line.rstrip()
        fenced ^= fence


def wrapped(paragraph: str) -> list[str]:
    """A paragraph or an item of a list in lines; none begins like an item, which would make it one."""
    indent = re.match(r"\s*(?:(?:[-*]|\d+\.) )?", paragraph)
    hanging = " " * len(indent[0]) if indent else ""
    lines = textwrap.wrap(
        paragraph.strip(), WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False,
        initial_indent=re.match(r"\s*", paragraph)[0],  # type: ignore[index] # matches always
    )  # fmt: skip
    for number in range(len(lines) - 1, 0, -1):
        if re.match(r"\s*([-*+#>]|\d+[.)]) ", lines[number]):
            before, _, last = lines[number - 1].rpartition(" ")
            lines[number - 1 : number + 1] = [before, f"{hanging}{last} {lines[number].strip()}"]
    return lines


# ---- pages


def page(notebook: Path, weight: int) -> str:
    """The page of a notebook."""
    title, rest = opening(notebook)
    # As a comment of the front matter: nobody says what Workshop Studio does with comments of HTML.
    front = f'---\ntitle: "{title}"\nweight: {weight}\n{MARK.format(notebook.name)}\n---'
    facts = re.sub(r"\s+(?=\*\*(?:Cost|Before):\*\*)", "\n\n", rest)
    made = [front, adapted(facts).strip(), adapted(WHAT_TO_DO.format(file=notebook.name)).strip()]
    made += [adapted(part).strip() for part in parts(notebook)]
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(made)) + "\n"


def index() -> str:
    """The first page: what it is about, and which pages there are."""
    rows = []
    for notebook in NOTEBOOKS:
        title, rest = opening(notebook)
        facts = re.sub(r"\s+", " ", rest)
        time = re.search(r"\*\*Time:\*\* (.*?)\s*\*\*Cost:\*\* (.*?)\s*\*\*Before:\*\*", facts)
        if time is None:
            sys.exit(f"the first cell of {notebook.name} must say **Time:**, **Cost:** and **Before:**, in this order.")
        rows.append(f"| [{title}](/{slug(notebook)}) | {time[1]} | {time[2]} |")
    picture = next(
        match[0] for kind, text in cells(NOTEBOOKS[0]) if (match := re.search(r"!\[[^\]]*\]\([^)]+\)", text))
    )
    made = INDEX.format(mark=MARK.format("*.ipynb"), picture=adapted(picture).strip(), rows="\n".join(rows))
    return re.sub(r"\n{3,}", "\n\n", made)


def pictures(texts: dict[Path, str]) -> dict[Path, Path]:
    """Pictures that the pages show: where they must be, and where they come from."""
    named = {name for text in texts.values() for name in re.findall(r"\(/static/images/([^)]+)\)", text)}
    return {PICTURES / name: ROOT / "docs" / name for name in sorted(named)}


def pages() -> dict[Path, str]:
    """What each generated page must hold."""
    texts = {CONTENT / "index.en.md": index()}
    for number, notebook in enumerate(NOTEBOOKS):
        texts[CONTENT / slug(notebook) / "index.en.md"] = page(notebook, 20 + 10 * number)
    return texts


def stale() -> list[Path]:
    """Files that are missing, not as they should be, or of a notebook that is gone."""
    texts = pages()
    differ = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    shown = pictures(texts)
    differ += [path for path, source in shown.items() if not path.exists() or path.read_bytes() != source.read_bytes()]
    present = {*CONTENT.glob("[0-9][0-9]-*/index.en.md"), *PICTURES.glob("*")}
    return differ + sorted(present - {*texts, *shown})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not up to date")
    if parser.parse_args().check:
        if found := stale():
            sys.exit(f"{', '.join(str(path.relative_to(ROOT)) for path in found)} is not up to date: run make event.")
        return
    texts = pages()
    for folder in CONTENT.glob("[0-9][0-9]-*"):
        shutil.rmtree(folder)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.rmtree(PICTURES, ignore_errors=True)
    for path, source in pictures(texts).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    print(f"wrote {len(texts)} pages in content/")


if __name__ == "__main__":
    main()
