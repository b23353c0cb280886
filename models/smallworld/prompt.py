"""Prompts read: words of any spelling to the few that the model has a meaning for, and those to token ids.

Synonyms, plurals, articles and typing slips are settled here, by table, so that the network need not learn them. A
word without a meaning is left out and named, never guessed. Standard library only, because training and the endpoint
share it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .palette import COLORS

PAD, START, END = 0, 1, 2
MAX_TOKENS = 24

# The order fixes the ids that the released weights were trained with: append, never sort.
WORDS: tuple[str, ...] = tuple(
    """
    , and on background small big two three four five
    red orange yellow green blue purple pink brown black white gray cyan
    circle square triangle star heart diamond ring cross crescent hexagon
    top_left top top_right left center right bottom_left bottom bottom_right above below left_of right_of
    sea mountains hills desert field city snow sky over under near
    day sunset sunrise night cloudy clear dark sun clouds rainbow birds moon flowers
    rain snowfall fog lightning
    house boat tree pine cactus lighthouse tent snowman balloon car mushroom windmill
    flat pixel_art watercolour
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_IDS = {word: index for index, word in enumerate(WORDS, start=3)}
VOCABULARY_SIZE = 3 + len(WORDS)

# Several words that are one; the longest that fits wins.
PHRASES: dict[str, str] = {
    "to the left of": "left_of",
    "left of": "left_of",
    "to the right of": "right_of",
    "right of": "right_of",
    "on top of": "above",
    "top left": "top_left",
    "top right": "top_right",
    "bottom left": "bottom_left",
    "bottom right": "bottom_right",
    "upper left": "top_left",
    "upper right": "top_right",
    "lower left": "bottom_left",
    "lower right": "bottom_right",
    "on the left": "left",
    "on the right": "right",
    "left side": "left",
    "right side": "right",
    "at the top": "top",
    "at the bottom": "bottom",
    "in the middle": "center",
    "in the center": "center",
    "in front of": "on",
    "plus sign": "cross",
    "crescent moon": "crescent",
    "half moon": "crescent",
    "full moon": "moon",
    "pine tree": "pine",
    "fir tree": "pine",
    "christmas tree": "pine",
    "hot air balloon": "balloon",
    "light house": "lighthouse",
    "snow man": "snowman",
    "wind mill": "windmill",
    "sail boat": "boat",
    "sand dunes": "desert",
    "sand dune": "desert",
    "city skyline": "city",
    "snowy landscape": "snow",
    "snowy field": "snow",
    "snowy mountains": "mountains",
    "rolling hills": "hills",
    "green hills": "hills",
    "in the evening": "sunset",
    "in the morning": "sunrise",
    "sunny day": "sun day",
    "rainy day": "rain",
    "foggy day": "fog",
    "cloudy day": "cloudy",
    "pixel art": "pixel_art",
    "8 bit": "pixel_art",
    "water colour": "watercolour",
    "water color": "watercolour",
    "it is snowing": "snowfall",
    "falling snow": "snowfall",
    "no clouds": "clear",
}

# One word for another. Plurals of these and of WORDS are understood without being listed.
SYNONYMS: dict[str, str] = {
    **{"grey": "gray", "silver": "gray", "turquoise": "cyan", "teal": "cyan", "aqua": "cyan", "violet": "purple"},
    **{"magenta": "pink", "rose": "pink", "crimson": "red", "scarlet": "red", "navy": "blue", "lime": "green"},
    **{
        "gold": "yellow",
        "golden": "yellow",
        "beige": "brown",
        "colour": "",
        "color": "",
        "coloured": "",
        "colored": "",
    },
    **{"disc": "circle", "disk": "circle", "dot": "circle", "ball": "circle", "round": "circle", "box": "square"},
    **{"plus": "cross", "rhombus": "diamond", "donut": "ring", "doughnut": "ring", "hoop": "ring"},
    **{"tiny": "small", "little": "small", "large": "big", "huge": "big", "giant": "big"},
    **{
        "1": "",
        "one": "",
        "2": "two",
        "3": "three",
        "4": "four",
        "5": "five",
        "single": "",
        "pair": "two",
        "couple": "two",
    },
    **{"middle": "center", "centre": "center", "centered": "center", "corner": "", "side": "", "upper": "top"},
    **{"lower": "bottom", "beneath": "below", "underneath": "below", "backdrop": "background", "beside": "near"},
    **{"ocean": "sea", "water": "sea", "lake": "sea", "seaside": "sea", "mountain": "mountains", "hill": "hills"},
    **{"meadow": "field", "grass": "field", "prairie": "field", "dunes": "desert", "dune": "desert", "sand": "desert"},
    **{"skyline": "city", "town": "city", "buildings": "city", "skyscraper": "city", "snowy": "snow", "winter": "snow"},
    **{"daylight": "day", "daytime": "day", "noon": "day", "evening": "sunset", "dusk": "sunset", "dawn": "sunrise"},
    **{"morning": "sunrise", "midnight": "night", "nighttime": "night", "overcast": "cloudy", "sunny": "sun"},
    **{
        "cloud": "clouds",
        "bird": "birds",
        "seagull": "birds",
        "flower": "flowers",
        "starry": "star",
        "moonlit": "moon",
    },
    **{"rainy": "rain", "raining": "rain", "snowing": "snowfall", "snowflake": "snowfall", "foggy": "fog"},
    **{"mist": "fog", "misty": "fog", "storm": "lightning", "stormy": "lightning", "thunderstorm": "lightning"},
    **{"thunder": "lightning", "cottage": "house", "home": "house", "hut": "house", "sailboat": "boat", "ship": "boat"},
    **{
        "yacht": "boat",
        "fir": "pine",
        "spruce": "pine",
        "cacti": "cactus",
        "automobile": "car",
        "toadstool": "mushroom",
    },
    **{"snowmen": "snowman", "watercolor": "watercolour", "aquarelle": "watercolour", "pixelated": "pixel_art"},
    **{"pixel": "pixel_art", "pixels": "pixel_art"},
}

# Words that say nothing the picture shows.
SILENT = frozenset(
    """
    a an the of at in as with to is are be it its this that there while during for by some from into
    picture image drawing illustration photo photograph painting landscape scene view style art showing shows
    draw show paint make please me full flying front
    """.split()  # noqa: SIM905 - a list of words reads best as words
)

# Real words that are one slip away from one of ours, and mean something else.
OTHERS = frozenset(
    """
    angle back bald bear beard bears beat bed bee bell bill blank block blow bog bold bolt boot boots boss boy
    bread bright bring broom captain care cargo cart cat cats child circus clown clue coat cold crow crowd crown
    cycle dessert dog down expert fig fight fill fine fire flow fold fountain fox free frog frown girl glue goat
    goats gown grange great ground hall hand hare head hear hearth heat hell horse horses hull insert kill king
    knee know late light line link log loss loud man mine mood moor moss mount mouse mouses nine now pea people
    person pick pill pin plot proud rabbit range read robin robot rod room root scar scars seat share shield
    sight sing slow snowball snowboard song soon sound spare spring squared squid stack stare start sunday
    sunflower sunflowers sunshine sword tangle tar tea tear ten test text till tire treat uncle vine will wine
    wing wire woman word words world yield
    """.split()  # noqa: SIM905 - a list of words reads best as words
)

_JOINERS = "\u200c\u200d"  # within words of some scripts, and between the parts of an emoji
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # as keyboards for Chinese and Japanese type
_PHRASES = sorted(((tuple(text.split()), word) for text, word in PHRASES.items()), key=lambda item: -len(item[0]))
_KNOWN = frozenset(WORDS) | frozenset(SYNONYMS) | SILENT
_SPELLABLE = sorted(word for word in _KNOWN if len(word) >= 4 and "_" not in word)


@dataclass(frozen=True)
class Reading:
    """What was made of a prompt.

    Attributes
    ----------
    words : tuple of str
        Words of ``WORDS``, in their order.
    unknown : tuple of str
        Words and emoji that were left out, in their order, each once.
    corrected : tuple of (str, str)
        Words taken for typing slips, and what for.
    """

    words: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    corrected: tuple[tuple[str, str], ...] = ()


def _kind(char: str, before: str) -> str:
    """What a character is part of: a word in Latin letters, one in others, a symbol, or none of them.

    ``before`` is the kind of the character in front of it, which a digit, an accent or a joiner goes along with.
    """
    if char.isascii():
        return "latin" if char.isalnum() else ""
    category = unicodedata.category(char)
    if before and (category[0] == "M" or category in ("Nd", "Sk") or char in _JOINERS):
        return before
    if category[0] in "LM" or category == "Nd":
        return "latin" if unicodedata.name(char, "").startswith("LATIN") else "other"
    # So from the arrows on: emoji. No: a superscript, ½ or ①, which must not become part of "red²".
    return "symbol" if category == "No" or (category == "So" and char > "\u2190") else ""


def _split(text: str) -> Iterator[str]:
    """Words of any script, runs of emoji, and commas; Latin letters end where those of another script begin."""
    word, before = "", ""
    for char in unicodedata.normalize("NFC", text.translate(_FULL_WIDTH).lower()):
        kind = _kind(char, before)
        if word and kind != before:
            yield word
            word = ""
        if kind:
            word += char
        elif char in ",\u3001":
            yield ","
        before = kind
    if word:
        yield word


def _singular(word: str) -> str | None:
    """The known word that this is the plural of."""
    for ending, instead in (("es", ""), ("s", ""), ("ies", "y")):
        stem = word[: len(word) - len(ending)] + instead
        if word.endswith(ending) and len(stem) > 2 and stem in _KNOWN:
            return stem
    return None


def _says(raw: list[str], parts: tuple[str, ...]) -> bool:
    """Whether the words are this phrase, or its plural."""
    return tuple(raw) == parts or (tuple(raw[:-1]) == parts[:-1] and raw[-1:] == [parts[-1] + "s"])


def _slips(a: str, b: str) -> int:
    """Letters dropped, added, exchanged or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


@lru_cache(4096)
def _corrected(word: str) -> str | None:
    """The one known word that a slip away from this; none for real words, short ones, and where two would do."""
    if len(word) < 4 or word in OTHERS or word.isdigit():
        return None
    allowed = 2 if len(word) >= 8 else 1
    near = [(_slips(word, known), known) for known in _SPELLABLE if abs(len(known) - len(word)) <= allowed]
    best = min((distance for distance, _ in near), default=9)
    if best > allowed:
        plural = word.endswith("s") and _corrected(word[:-1])
        return plural or None
    nearest = [known for distance, known in near if distance == best]
    same_start = [known for known in nearest if known[0] == word[0]]  # few slips are in the first letter
    meanings = {SYNONYMS.get(known, known) for known in same_start or nearest}
    return meanings.pop() if len(meanings) == 1 else None


def read(text: str) -> Reading:
    """Read a prompt.

    Parameters
    ----------
    text : str
        Any text.

    Examples
    --------
    >>> read("Two  big trianlges on a grey dragon")
    Reading(words=('two', 'big', 'triangle', 'on', 'gray'), unknown=('dragon',), corrected=(('trianlges', 'triangle'),))
    """
    raw = list(_split(text))
    words: list[str] = []
    unknown: dict[str, None] = {}
    corrected: dict[str, str] = {}
    at = 0
    while at < len(raw):
        phrase = next(((parts, word) for parts, word in _PHRASES if _says(raw[at : at + len(parts)], parts)), None)
        if phrase:
            words += phrase[1].split()
            at += len(phrase[0])
            continue
        word = raw[at]
        at += 1
        known = word if word in _KNOWN else _singular(word)
        if known is None:
            known = _corrected(word)
            if known is None:
                unknown[word] = None
                continue
            corrected[word] = known
        known = SYNONYMS.get(known, known)
        if known and known not in SILENT:
            words.append(known)
    return Reading(_plain_background(words), tuple(unknown), tuple(corrected.items()))


def _plain_background(words: list[str]) -> tuple[str, ...]:
    """Leave out what leads to "blue background": on, in front of, with or a comma all mean the same."""
    leads = [
        word in ("on", ",") and words[k + 2 : k + 3] == ["background"] and words[k + 1] in COLORS
        for k, word in enumerate(words)
    ]
    return tuple(word for word, lead in zip(words, leads, strict=True) if not lead)


def unknown_words(text: str) -> list[str]:
    """Words of a prompt that have no meaning for the model, each once, in their order."""
    return list(read(text).unknown)


def tokenize(text: str) -> list[int]:
    """Token ids of a prompt.

    Parameters
    ----------
    text : str
        Any text; what goes beyond 22 words with a meaning is cut off.

    Returns
    -------
    list of int
        Exactly ``MAX_TOKENS`` ids: start, words, end, padding. The empty prompt is ``[START, END, PAD, ...]``.
    """
    ids = [START, *(_IDS[word] for word in read(text).words[: MAX_TOKENS - 2]), END]
    return ids + [PAD] * (MAX_TOKENS - len(ids))
