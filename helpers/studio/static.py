"""The studio where no widgets run: a notebook on GitHub, an exported page, a mail."""

from __future__ import annotations

import html
from collections.abc import Sequence

from helpers.studio.shelf import Tile

MOST_TILES = 8


def as_html(tiles: Sequence[Tile], total: int) -> str:
    """The latest pictures with their prompts; pictures are inside the page, nothing is fetched."""
    shown = [_figure(tile) for tile in tiles[:MOST_TILES]]
    if not shown:
        return "<p>Prompt studio: no pictures yet. Run this notebook to use it.</p>"
    lead = f"Prompt studio: the latest {len(shown)} of {total} requests. Run this notebook to use it."
    return f'<p>{lead}</p><div style="display: flex; flex-wrap: wrap; gap: 12px">{"".join(shown)}</div>'


def _figure(tile: Tile) -> str:
    prompt = html.escape(tile.prompt or tile.id)
    pictures = "".join(
        f'<img src="{source}" alt="{prompt}, picture {number} of {tile.count}" style="max-width: 128px">'
        for number, source in enumerate(tile.pictures, 1)
    )
    reason = f"<br><strong>failed:</strong> {html.escape(tile.reason)}" if not tile.pictures else ""
    said = "".join(f"<br>⚠ {html.escape(warning)}" for warning in tile.warnings)
    text = f"<figcaption><small>{prompt}{said}{reason}</small></figcaption>"
    return f'<figure style="margin: 0; max-width: 270px">{pictures}{text}</figure>'
