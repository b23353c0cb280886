import datetime as dt
import io

import numpy as np
import pytest
from PIL import Image

from helpers import figures
from helpers.errors import ResultError
from helpers.observe import Observation, Sample
from helpers.timeline import Timeline

START = dt.datetime(2026, 11, 22, 20, 45, 12, tzinfo=dt.UTC)


def flat(colour, side=16):
    return Image.new("RGB", (side, side), colour)


def drawn(figure):
    """The figure as it is shown, as an array."""
    shown = figures.show(figure, "a figure")
    return np.asarray(Image.open(io.BytesIO(shown._repr_png_())).convert("RGB"))


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        found += [text.get_text() for text in ax.texts]
    return found


def test_a_grid_shows_every_picture_where_its_labels_are():
    rows = {"first": [flat("red"), flat("lime")], "second": [flat("blue"), flat("cyan")]}
    figure, alt = figures.grid(rows, [1, 2], "Colours")
    assert alt == "Colours. first: 2 pictures; second: 2 pictures; from left to right: 1, 2."
    pixels = drawn(figure)
    middle = {}
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255)):
        rows_found, columns_found = np.nonzero((pixels == colour).all(axis=2))
        middle[colour] = (rows_found.mean(), columns_found.mean())
    assert middle[255, 0, 0][0] == pytest.approx(middle[0, 255, 0][0], abs=2)  # one row
    assert middle[255, 0, 0][1] == pytest.approx(middle[0, 0, 255][1], abs=2)  # one column
    assert middle[255, 0, 0][0] < middle[0, 0, 255][0]
    assert middle[255, 0, 0][1] < middle[0, 255, 0][1]


def test_a_grid_of_uneven_rows_is_refused():
    with pytest.raises(ValueError, match="zip"):
        figures.grid({"first": [flat("red")]}, [1, 2], "Colours")


def test_the_channels_are_those_of_the_picture():
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[..., 1] = 200
    figure, alt = figures.channels(pixels, "green")
    assert alt.startswith("green: ")
    assert alt.endswith("Means: red 0, green 200, blue 0.")
    shown = {ax.get_title(loc="left"): ax.images[0].get_array() for ax in figure.axes if ax.images}
    assert [int(shown[name].max()) for name in ("Red", "Green", "Blue")] == [0, 200, 0]


def test_a_timeline_tells_each_step_that_is_known():
    times = Timeline(queued=START, started=START + dt.timedelta(seconds=2), generated=START + dt.timedelta(seconds=5))
    _, alt = figures.timeline(times)
    assert alt == "How long each step of the request took: in the queue 2.00 s, drawing, storing 3.00 s."


def test_sizes_come_heaviest_first():
    figure, alt = figures.sizes({"PNG": 1_000, "RGB JSON": 15_000}, "Bytes")
    assert alt == "Bytes: RGB JSON 15,000 bytes, PNG 1,000 bytes."
    assert texts(figure) == ["  15,000 bytes (15.0 ×)", "  1,000 bytes (1.0 ×)"]


def test_the_backlog_is_drawn_as_it_was_seen(backend):
    seen = Observation(backend.connection)
    seen.samples = [Sample(0, 3, 0, 0, 1), Sample(1, 3, 0, 1, 1), Sample(2, 0, 3, 1, 1)]
    figure, alt = figures.backlog(seen)
    assert alt == ("Queue and instances over 2 seconds: at most 3 requests waited, and at most 1 instances ran.")
    queue, instances = figure.axes
    assert list(queue.lines[0].get_ydata()) == [3, 3, 0]
    assert [list(line.get_ydata()) for line in instances.lines] == [[1, 1, 1], [0, 1, 1]]


def test_a_backlog_that_nobody_saw_says_why(backend):
    seen = Observation(backend.connection)
    seen.problem = "describing the endpoint: AccessDenied"
    with pytest.raises(ResultError, match="AccessDenied"):
        figures.backlog(seen)


def test_what_is_shown_has_an_alternative_text_everywhere():
    shown = figures.show(figures.sizes({"a": 1}, "Bytes")[0], 'a "figure" & more')
    assert 'alt="a &quot;figure&quot; &amp; more"' in shown._repr_html_()
    assert shown._repr_png_().startswith(b"\x89PNG")
    assert repr(shown) == '<Figure: a "figure" & more>'
