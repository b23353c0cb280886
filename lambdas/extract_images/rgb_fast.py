"""Rows of RGB values in the usual spelling, decoded without looking at each value.

`bytes` methods and arithmetic on big integers do the work in C. Only text spelled exactly `[[r,g,b],[r,g,b]],[[…`, with
`,` or `, ` throughout, is decoded; for any other this module answers None, and `rgb_strict` decides and explains.
"""

from functools import lru_cache

_DIGITS = b"0123456789"
_COMMA_TO_TAB = bytes.maketrans(b",", b"\t")
_UP_TO_9 = bytes(range(10))
_UP_TO_99 = bytes(range(100))
_INVALID = 255


def _table(values: dict[str, int], other: int) -> bytes:
    table = bytearray([other]) * 256
    for character, value in values.items():
        table[ord(character)] = value
    return bytes(table)


_ONES = _table({str(d): d for d in range(10)}, _INVALID)
_TENS = _table({" ": 0, **{str(d): 10 * d for d in range(10)}}, _INVALID)
_HUNDREDS = _table({" ": 0, "1": 100, "2": 200}, _INVALID)
_TOP_BIT_OF_200 = _table({"2": 128}, 0)


def decode_rows(text: bytes, width: int, separator: bytes) -> bytes | None:
    r"""Decode whole rows of one image.

    Parameters
    ----------
    text
        JSON from the `[` of a row to the `]` of the same or a later row.
    width
        Pixels that every row must have.
    separator
        What separates any two elements: `b","` or `b", "`.

    Returns
    -------
    bytes or None
        `rows * 3 * width` samples; None when the text is anything but rows of that width of integers 0–255 in the
        usual spelling.

    Examples
    --------
    >>> decode_rows(b"[[1,2,3],[40,50,255]]", 2, b",")
    b'\x01\x02\x03(2\xff'
    """
    structure = text.translate(None, _DIGITS)
    rows = _rows_in(len(structure), width, separator)
    if rows is None or structure != _template(rows, width, separator):
        return None
    # The same structure may still have digits in wrong places, such as `]5,[`: each pair of neighbours must be whole.
    pixels = rows * width
    misplaced = (
        not text.startswith(b"[[")
        or not text.endswith(b"]]")
        or text.count(b"]" + separator + b"[") != pixels - 1
        or text.count(b"]]" + separator + b"[[") != rows - 1
        or (len(separator) > 1 and text.count(separator) != 3 * pixels - 1)
    )
    return None if misplaced else _samples(text, 3 * pixels, len(text) - len(structure))


def _rows_in(structure_length: int, width: int, separator: bytes) -> int | None:
    gap = len(separator)
    row_length = width * (2 + 2 * gap) + (width - 1) * gap + 2
    rows, rest = divmod(structure_length + gap, row_length + gap)
    return rows if rows > 0 and rest == 0 else None


@lru_cache(maxsize=4)
def _template(rows: int, width: int, separator: bytes) -> bytes:
    """Return the text of such rows without its digits."""
    pixel = b"[" + separator * 2 + b"]"
    return separator.join([b"[" + separator.join([pixel] * width) + b"]"] * rows)


def _samples(text: bytes, count: int, digits: int) -> bytes | None:
    """Return the numbers in `text`, which has `count` slots and `digits` digits, one byte each.

    Each number is written backwards into a field of four columns (tab stops do that), so ones, tens and hundreds can
    be sliced out with a step of four and added as three big integers: no byte ever carries into the next.
    """
    backwards = (text.translate(_COMMA_TO_TAB, b"[] "))[::-1] + b"\t"
    columns = backwards.expandtabs(4)
    if len(columns) != 4 * count:
        return None  # some number has four digits or more
    ones, tens, hundreds = columns[-4::-4], columns[-3::-4], columns[-2::-4]
    hundreds_values = hundreds.translate(_HUNDREDS)
    if b" " in ones or _INVALID in hundreds_values:
        return None  # an empty slot; 300 or more, or a leading zero in three digits
    below_100 = _number(ones.translate(_ONES)) + _number(tens.translate(_TENS))
    # 56 + 72 is 128: after 2 hundreds, 56 or more shows as a top bit.
    if b"2" in hundreds and (below_100 + _number(b"\x48" * count)) & _number(hundreds.translate(_TOP_BIT_OF_200)):
        return None
    samples = (below_100 + _number(hundreds_values)).to_bytes(count, "little")
    # Without leading zeros, every number has as many digits as its value needs.
    needed = count + len(samples.translate(None, _UP_TO_9)) + len(samples.translate(None, _UP_TO_99))
    return samples if needed == digits else None


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
