"""Names that a Lambda function or Small World repeats, because neither can import them, are those of the contract."""

import re
from pathlib import Path

import pytest
import shared
from shared import names as copy
from shared import notification
from shared.exceptions import FunctionError
from smallworld import bundle

from contract import ids, names
from contract.errors import ParameterError

LAMBDAS = Path(shared.__file__).parents[1]


@pytest.mark.parametrize("name", ["REQUESTS", "STATUS", "IMAGES", "INFERENCE_ID"])
def test_the_functions_copy_says_the_same(name):
    assert getattr(copy, name) == getattr(names, name)


def test_nothing_else_is_copied_there():
    """A name that is added there needs its line above."""
    copied = {name for name in vars(copy) if name.isupper()}
    assert copied == {"REQUESTS", "STATUS", "IMAGES", "INFERENCE_ID"}


@pytest.mark.parametrize("function", ["save_status", "extract_images"])
def test_no_function_spells_a_folder_itself(function):
    for path in sorted((LAMBDAS / function).glob("*.py")):
        spelled = re.findall(r"[\"'](?:requests|status|images)/.*", path.read_text())
        assert not spelled, f"{path.name}: {spelled}; take it from shared.names"


@pytest.mark.parametrize(
    "inference_id", ["a", "A.b_c-9", "x" * 64, "", ".", "..", "a/b", "x" * 65, "é", "a\n", None, 5]
)
def test_clients_and_functions_take_the_same_ids(inference_id):
    def taken(check):
        try:
            return check(inference_id) == inference_id
        except (ParameterError, FunctionError):
            return False

    assert taken(ids.checked) == taken(notification.checked_inference_id)


def test_small_worlds_ids():
    assert set(names.SMALLWORLD_MODELS) == {model.id for model in bundle.MODELS}
    assert names.SMALLWORLD_MODELS == (names.SMALLWORLD, names.SMALLWORLD_TURBO)
