import datetime as dt
import io
import json

import numpy as np
import pytest
from PIL import Image

from contract.errors import ResultError
from helpers.inference.timeline import Timeline
from helpers.operations.observe import Observation, Record, Sample
from helpers.operations.scaling import Activity
from helpers.show import figures

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
    assert alt.endswith("Values: red 0 to 0, green 200 to 200, blue 0 to 0. Means: red 0, green 200, blue 0.")
    shown = {ax.get_title(loc="left"): ax.images[0].get_array() for ax in figure.axes if ax.images}
    assert [int(shown[name].max()) for name in ("Red", "Green", "Blue")] == [0, 200, 0]
    tinted = drawn(figure)
    assert (tinted == (0, 200, 0)).all(axis=2).sum() > 5_000  # the whole and the green channel, as light
    assert (tinted == (200, 200, 200)).all(axis=2).sum() < 100  # and no grey picture


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
    assert alt == (
        "Queue and instances over 2 seconds: at most 3 requests waited, and at most 1 instances ran; 3 requests were "
        "done in the end. In turn: waking 0 to 1 s, working 1 to 2 s."
    )
    queue, instances = figure.axes
    assert [list(line.get_ydata()) for line in queue.lines] == [[3, 3, 0], [0, 0, 3]]
    assert {"waking", "working", "3 wait", "3 done"} <= set(texts(figure))
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


def at(seconds):
    return START + dt.timedelta(seconds=seconds)


def one(queued, started, generated, notified, extracted):
    return Timeline(at(queued), at(started), at(generated), at(notified), at(extracted))


def test_many_requests_are_drawn_in_the_order_in_which_they_were_done():
    requests = {"late": one(0, 4, 6, 7, 8), "soon": one(1, 2, 4, 4.5, 4.2), "unknown": Timeline(extracted=at(3))}
    figure, alt = figures.timelines(requests)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["soon", "late"]
    bars = [(bar.get_y() + 0.4, bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    soon = [(round(begin, 3), round(end, 3)) for line, begin, end in bars if line == 0]
    assert soon == [(1, 2), (2, 4), (4, 4.2), (4.2, 4.5)]  # the picture came before the notification
    assert alt == (
        "2 requests over 8.0 seconds; they waited in the queue for 1.0 to 4.0 seconds; 1 more are left out, since "
        "their times are not known."
    )


def test_fifty_requests_have_no_names_beside_them():
    figure, _ = figures.timelines({f"request {n}": one(0, n, n + 1, n + 2, n + 2) for n in range(50)})
    assert figure.axes[0].get_yticklabels() == []
    assert figure.get_figheight() < 8


def test_timelines_without_any_time_are_refused():
    with pytest.raises(ResultError, match="no timeline says"):
        figures.timelines({"a": Timeline()})


def test_what_fits_into_a_response_is_counted_from_real_encodings():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    weights = figures.encoded_sizes(noise)
    assert weights["RGB JSON"] == len(json.dumps(np.asarray(noise).tolist()))
    file = io.BytesIO()
    noise.save(file, "PNG")
    assert weights["PNG"] == len(file.getvalue())
    figure, alt = figures.fitting(noise, sides=(64,), limit=2 * weights["RGB JSON"] + 1)
    assert "64 × 64: RGB JSON 0.06 MB, 2 fit" in alt
    assert any(text.endswith(" MB, 2 fit") for text in texts(figure))
    figure, _ = figures.fitting(noise, sides=(64,), limit=weights["RGB JSON"] - 1)
    assert any(text.endswith("too large") for text in texts(figure))


def test_alarms_and_changes_are_told_and_drawn():
    alarms = [{"WakeFromZero": "OK"}, {"WakeFromZero": "ALARM"}, {"WakeFromZero": "OK"}]
    samples = [Sample(n, 3, 0, 0, 1, 2.0, True, states) for n, states in enumerate(alarms)]
    activity = Activity(
        1.5, "Setting desired instance count to 1.", "alarm a triggered policy WakeFromZero", "Successful"
    )
    figure, alt = figures.backlog(Record(samples, [activity], speed=60))
    assert "Alarms that were on: WakeFromZero." in alt
    assert "Changes: 2 s: Setting desired instance count to 1." in alt
    (bars,) = figure.axes[2].collections
    xs = [x for path in bars.get_paths() for x in path.vertices[:, 0]]
    assert (min(xs), max(xs)) == (1, 2)
    assert "WakeFromZero" in texts(figure)
    assert "60 times faster" in figure.axes[2].get_xlabel()


def test_costs_count_the_seconds_on_the_clock_of_aws():
    seen = Record([Sample(0, 1, 0, 0, 1), Sample(30, 1, 0, 2, 2), Sample(60, 0, 1, 0, 0)], speed=60)
    figure, alt = figures.costs(seen, usd_per_hour=1.0)
    assert alt == (
        "Over 60 minutes the instances cost 1.0000 USD; 2 that always run would have cost 2.0000 USD: 50% saved, at 1 "
        "USD an hour for one."
    )
    always, asleep = figure.axes[0].lines
    assert (always.get_ydata()[-1], list(asleep.get_ydata())) == (2, [0, 0, 1])
    with pytest.raises(ResultError, match="nothing was observed"):
        figures.costs(Record(), 1.0)


def every_figure():
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    seen = Record([Sample(0, 3, 0, 0, 1, 1.0, True, {"a": "ALARM"}), Sample(1, 0, 3, 1, 1)])
    return {
        "grid": lambda: figures.grid({"row": [noise]}, ["column"], "Grid"),
        "channels": lambda: figures.channels(np.asarray(noise), "noise"),
        "timeline": lambda: figures.timeline(one(0, 1, 2, 3, 4)),
        "timelines": lambda: figures.timelines({"a": one(0, 1, 2, 3, 4)}),
        "sizes": lambda: figures.sizes({"a": 1, "b": 2}, "Sizes"),
        "fitting": lambda: figures.fitting(noise, sides=(64,)),
        "backlog": lambda: figures.backlog(seen),
        "costs": lambda: figures.costs(seen, 0.1),
    }


@pytest.mark.parametrize("name", every_figure())
@pytest.mark.filterwarnings("error")
def test_a_figure_is_the_same_each_time_and_leaves_nothing_behind(name):
    """No warning, no figure that pyplot keeps, no setting changed; and the kernel's own settings do not show."""
    import matplotlib as mpl
    from matplotlib import pyplot

    before, draw = dict(mpl.rcParams), every_figure()[name]
    first = figures.show(*draw())
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []
    with mpl.rc_context({"text.color": "red", "font.size": 30, "axes.facecolor": "black"}):
        again = figures.show(*draw())
    assert first.png == again.png
    assert any(digit in first.alt for digit in "0123456789")
