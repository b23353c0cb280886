import pytest

from helpers.model.sizes import size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (4_600_000, "4.6 MB"),
        (1_250_000_000, "1.2 GB"), (5_000_000_000_000, "5000.0 GB"),
    ],
)  # fmt: skip
def test_sizes_are_decimal(count, text):
    assert size(count) == text
