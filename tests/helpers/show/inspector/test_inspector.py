import base64
import html
import io
import json
import re

import numpy as np
import pytest
import traitlets
from PIL import Image

from helpers.show.inspector import Inspector, Subject, hosting


def subject(draw, **facts):
    file = io.BytesIO()
    Image.fromarray(draw()).save(file, "PNG")
    return Subject(file.getvalue(), path="generated_images[0]", **facts)


def test_python_sees_and_sets_the_pixel(draw):
    inspector, array = Inspector(subject(draw)), draw()
    assert (inspector.x, inspector.y) == (8, 4)
    inspector.x, inspector.y = 15, 7
    assert inspector.rgb == tuple(array[7, 15].tolist())
    assert inspector.place == "generated_images[0][7][15]"


def test_a_result_is_inspected(backend, draw):
    job = backend.connection.generate("a red circle")
    backend.finish(job, draw())
    inspector = Inspector(job.wait(5), x=3, y=2)
    assert repr(inspector) == (
        f"<Inspector of 'Picture of: a red circle': x 3, y 2, generated_images[0][2][3] = {draw()[2, 3].tolist()}>"
    )


@pytest.mark.parametrize(("name", "value", "last"), [("x", 16, 15), ("x", -1, 15), ("y", 8, 7)])
def test_a_place_outside_of_the_picture_is_refused(draw, name, value, last):
    inspector = Inspector(subject(draw))
    with pytest.raises(traitlets.TraitError, match=rf"{name} = {value}: must be 0 to {last}, the picture is 16×8"):
        setattr(inspector, name, value)
    with pytest.raises(traitlets.TraitError, match="must be 0 to"):
        Inspector(subject(draw), **{name: value})


def test_static_copies_of_a_notebook_have_the_picture(draw):
    made = Inspector(subject(draw, alt="Picture of: a star"))
    data, _ = made._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == made.model_id
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"])))), draw())
    assert 'alt="Picture of: a star"' in data["text/html"]
    assert data["text/plain"].startswith("<Inspector of 'Picture of: a star'")


def test_a_prompt_cannot_leave_its_place_in_the_page(draw):
    prompt = "</script><script>alert(1)</script> \"quoted\" & 'single'"
    page = Inspector(subject(draw, alt=prompt)).to_html()
    assert page.count("<script") == page.count("</script") == 1
    state = json.loads(html.unescape(re.search('data-inspector="([^"]*)"', page)[1]))
    assert state["alt"] == prompt


def test_the_page_needs_no_network(draw):
    page = Inspector(subject(draw)).to_html()
    module, style = hosting.MODULE.read_text(), hosting.STYLE.read_text()
    assert "import " not in module
    assert "@import" not in style
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []


def test_the_module_is_inlined_whole(draw):
    module = hosting.MODULE.read_text()
    assert module.count(hosting.EXPORT) == 1
    assert "</script" not in module
    assert module.partition(hosting.EXPORT)[0] in Inspector(subject(draw))._repr_html_()
