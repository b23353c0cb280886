"""Prompts to token ids: the words of the captions, and a few shared places for every other word.

Standard library only, because training and the endpoint share it.
"""

from __future__ import annotations

import re
import zlib

PAD, START, END = 0, 1, 2
MAX_TOKENS = 32
HASH_BUCKETS = 64

# The order fixes the ids that the released weights were trained with: append, never sort again.
WORDS: tuple[str, ...] = tuple(
    """
    , a above an and at background below beneath big birds black blue boat bottom box boxes brown cacti cactus
    center circle circles city clear clouds cloudy corner crescent crescents cross crosses cyan dark dawn day
    daylight desert diamond diamonds disc discs drawing dunes during evening field five flowers flying four
    front full gray green grey heart hearts hexagon hexagons hills house illustration image in landscape large
    left meadow middle moon moons mountains near night ocean of on orange over overcast picture pine pines pink
    plus purple rainbow red right ring rings rolling sailboat sand sea side sign signs sky skyline small snow
    snowy square squares star stars sun sunny sunrise sunset the three tiny to top tree trees triangle triangles
    turquoise two under violet white with yellow
    """.split()  # noqa: SIM905 - a list of words reads best as words
)

_IDS = {word: index for index, word in enumerate(WORDS, start=3)}
_WORD = re.compile(r"[a-z0-9]+|,")

VOCABULARY_SIZE = 3 + len(WORDS) + HASH_BUCKETS


def words(text: str) -> list[str]:
    """The words of a prompt as the model sees them: lower case, digits and commas kept, all else dropped."""
    return _WORD.findall(text.lower())


def token_id(word: str) -> int:
    """The id of a word; a word no caption has falls into one of 64 shared places, always the same one."""
    return _IDS.get(word, 3 + len(WORDS) + zlib.crc32(word.encode()) % HASH_BUCKETS)


def tokenize(text: str) -> list[int]:
    """Token ids of a prompt.

    Parameters
    ----------
    text : str
        Any text; what goes beyond 30 words is cut off.

    Returns
    -------
    list of int
        Exactly ``MAX_TOKENS`` ids: start, words, end, padding. The empty prompt is ``[START, END, PAD, ...]``.
    """
    ids = [START, *(token_id(word) for word in words(text)[: MAX_TOKENS - 2]), END]
    return ids + [PAD] * (MAX_TOKENS - len(ids))
