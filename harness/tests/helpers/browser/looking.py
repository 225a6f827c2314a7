"""What to ask a browser of a page: is anything cut off, over something else, or hard to read?"""

from __future__ import annotations

from pathlib import Path

OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true;"
CUT_OFF, OVERLAPS, PALE = (
    Path(__file__).with_name(f"{name}.js").read_text(encoding="utf-8") for name in ("cut_off", "overlaps", "pale")
)
