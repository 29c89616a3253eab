"""Draws samples as a flame graph: each box is a function, as wide as the time spent in it and in what it called."""

from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, ROW = 1600, 19
LEAST = 1.5
"""Pixels below which a box is left out."""
PIXELS_PER_LETTER = 6.6
SELF = "[self]"
"""pyinstrument's name for the time in a function itself."""
STYLE = """
:root { color-scheme: light dark; --back: #f6f8f5; --text: #17211c; --own: #8fd0ae; --other: #cfd8d3; }
@media (prefers-color-scheme: dark) { :root { --back: #0e1512; --text: #e4ece7; --own: #1f7a52; --other: #34433b; } }
body { margin: 20px; background: var(--back); color: var(--text); font: 15px system-ui, sans-serif; }
svg { width: 100%; } text { font: 11px ui-monospace, monospace; fill: var(--text); pointer-events: none; }
rect { stroke: var(--back); } .own { fill: var(--own); } .other { fill: var(--other); }
rect:hover { stroke: var(--text); }
"""


class Frame(msgspec.Struct):
    """A function and what it called, as pyinstrument writes them; times in seconds."""

    function: str
    file_path_short: str | None
    time: float
    children: list["Frame"] = []
    class_name: str = ""

    @property
    def name(self) -> str:
        """The function's, with its class."""
        return f"{self.class_name}.{self.function}" if self.class_name else self.function


def flame_graph(sessions: Sequence[bytes], title: str) -> str:
    """Return a page that draws what the event loops ran, of a pyinstrument session (JSON) of each process."""
    roots = [msgspec.convert(msgspec.json.decode(session)["root_frame"], Frame) for session in sessions]
    loops = [_event_loop(root) or root for root in roots]
    calls = sorted(
        (frame for loop in loops for frame in loop.children if frame.function != SELF), key=lambda one: -one.time
    )
    boxes: list[str] = []
    deepest, x = 0, 0.0
    whole = sum(frame.time for frame in calls) or 1
    for frame in calls:
        deepest = max(deepest, _draw(frame, x, 0, WIDTH / whole, boxes))
        x += frame.time * WIDTH / whole
    height = (deepest + 1) * ROW
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p>The event loop was busy for {whole:.1f} s of "
        f"{sum(loop.time for loop in loops):.1f} s. Green is this project. Point at a box to see what it took.</p>"
        f'<svg viewBox="0 0 {WIDTH} {height}">{"".join(boxes)}</svg></body></html>\n'
    )


def _event_loop(frame: Frame) -> Frame | None:
    if frame.name == "Runner.run":
        return frame
    return next((found for child in frame.children if (found := _event_loop(child))), None)


def _draw(frame: Frame, x: float, depth: int, scale: float, boxes: list[str]) -> int:
    """Add the boxes of `frame` and all below it; return how deep they go."""
    width = frame.time * scale
    if width < LEAST:
        return depth
    place = frame.file_path_short or ""
    kind = "own" if place.startswith(("app/", "src/app/")) else "other"
    y = depth * ROW
    boxes.append(
        f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}"><title>{escape(frame.name)} '
        f"({escape(place)}): {frame.time * 1000:.0f} ms</title></rect>"
    )
    letters = int((width - 6) / PIXELS_PER_LETTER)
    if letters > len("ab"):
        boxes.append(f'<text x="{x + 3:.1f}" y="{y + 13}">{escape(frame.name[:letters])}</text>')
    deepest = depth
    for child in sorted(frame.children, key=lambda one: -one.time):
        if child.function != SELF:
            deepest = max(deepest, _draw(child, x, depth + 1, scale, boxes))
            x += child.time * scale
    return deepest
