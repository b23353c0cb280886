"""Messages, docstrings, comments and pages say things as readers from anywhere expect them.

Each phrase is the grammar of another language in English words, or a word that few learners meet. Notebooks, the pages
that are made of them, tests (which repeat messages) and licences are not read.
"""

import re
from pathlib import PurePath

import pytest

from tests.docs.words import comments, strings, tracked, words

PHRASES = {
    # phrase: what to write, a text that must be found, a text that must not
    r"\ballowed (is|are)\b": ("must be", "x = 3: allowed is a word", "must be a word, and 3 is not allowed"),
    r"\bexpected was\b": ("expected", "expected was 3", "expected 3, and that it was even"),
    r"\b(lie|lies|lying)\b": ("is, are, is stored", "the key lies in S3", "it relies on what underlies it"),
    r"\bmend(s|ed|ing)?\b": ("fix", "First mend: Width.", "AWS recommends it"),
    r"\bshall\b": ("should, will", "what the picture shall show", "a shallow copy"),
    r"(?<!there )\b(is|are) no (?!longer\b|more\b|less\b|\w+er than\b)[a-z]": (
        "is not a",
        "the body is no JSON object",
        "there is no JSON object, and it is no longer needed",
    ),
    r"\bwhoever\b": ("anyone who", "whoever packages it", "everyone who does"),
    r"\bfor ever\b": ("forever", "it sleeps for ever", "for every request"),
    r"\banew\b": ("again", "drawn anew", "a newt"),
    r"\b(tell|tells|told|hear|hears|heard) of\b": ("report, is told about", "two alarms tell of it", "told about it"),
    r"\bin all(?=\s*([.;:,)]|$))": ("in total", "8 minutes in all", "in all regions"),
    r"\ballows? to\b": ("lets you", "gzip allows to prepend", "allowed to prepend"),
    r"\bby chance\b": ("random", "left to chance or by chance", "left to chance"),
    r"\bknows? no\b": ("does not know, does not support", "actions know no resources", "knows nothing"),
    r"\bis everything there\b": ("is everything ready", "Is everything there?", "is everything in there"),
}
# A phrase may go on in the next line.
PATTERNS = [re.compile(phrase.replace(" ", r"\s"), re.IGNORECASE) for phrase in PHRASES]

KINDS = {".py", ".md", ".js", ".css", ".html", ".j2", ".toml", ".yml", ".yaml", ".sh", ""}
SKIPPED = ("LICENSE",)  # the words of others
AWS_SAYS = ("'x-amz-tagging' shall be encoded",)
"""Of AWS's own messages, which the local cloud repeats."""
FILES = [
    path
    for path in tracked()
    if PurePath(path).suffix in KINDS and path not in SKIPPED and not path.startswith(("tests/", "content/"))
]
FOLDERS = sorted({path.partition("/")[0] for path in FILES})


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_phrase_of_another_language(folder):
    found = []
    for path in FILES:
        if path.partition("/")[0] != folder:
            continue
        for line, indented in words(path):
            if not re.search(r"\s", indented):
                continue  # a key or a name, not prose
            text = re.sub(r"[ \t]*\n[ \t]*", "\n", indented)
            for said in AWS_SAYS:
                text = text.replace(said, "…")
            for pattern, (better, *_) in zip(PATTERNS, PHRASES.values(), strict=True):
                for match in pattern.finditer(text):
                    place = f"{path}:{line + text[: match.start()].count(chr(10))}"
                    found.append(f"{place}: {match[0]!r}; better: {better}")
    if found:
        pytest.fail(f"{len(found)} phrases:\n" + "\n".join(found), pytrace=False)


@pytest.mark.parametrize(("pattern", "example"), list(zip(PATTERNS, PHRASES.values(), strict=True)), ids=PHRASES)
def test_a_phrase_is_found_and_its_neighbours_are_not(pattern, example):
    _, bad, good = example
    assert pattern.search(bad)
    assert pattern.search(bad.replace(" ", "\n"))
    assert not pattern.search(good)


def test_messages_docstrings_and_comments_are_read():
    source = '"""A docstring."""\n# A comment\n# of two lines\nx = f"one {y!r} text" "more"  # and one\n'
    assert list(strings(source)) == [(1, "A docstring."), (4, "one {} textmore")]
    assert list(comments(source)) == [(2, "A comment\nof two lines\nand one")]


def test_there_is_something_to_read():
    assert {"contract", "helpers", "infra", "lambdas", "localcloud", "models", "docs", "README.md"} <= set(FOLDERS)
    assert "helpers/studio/form.js" in FILES
    assert "workshop.toml" in FILES
