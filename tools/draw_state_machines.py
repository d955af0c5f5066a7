"""Draw the state machines, from the tables that run, into ``docs/explanation/diagrams``.

    python -m tools.draw_state_machines            # write the figures
    python -m tools.draw_state_machines --check    # exit 1 when a committed one is stale

The states stand in a column in the order in which they are passed.  What leads to another state
leaves on the right and joins the lane that ends at that state; what stays is on the left.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import attrs

from trio_sip import session, transaction

FOLDER = Path(__file__).parent.parent / "docs" / "explanation" / "diagrams"

BOX, LINE, PAD, GAP, LANE, ROUND = 200, 17, 12, 26, 20, 8
LETTER = 6.4
"""The width of a letter, on average and on the safe side."""

# A figure that stands alone chooses its own ink; one that is part of a page takes the page's.
STYLE = """
  svg:root { color: #24292f; }
  @media (prefers-color-scheme: dark) { svg:root { color: #d0d7de; } }
  text { font: 12px system-ui, "Helvetica Neue", Arial, sans-serif; fill: currentColor; }
  .name { font-size: 14px; font-weight: 600; }
  .title { font-size: 17px; font-weight: 600; }
  .timer, .note { font-size: 11px; opacity: 0.75; }
  .do { opacity: 0.7; }
  .box { fill: currentColor; fill-opacity: 0.05; stroke: currentColor; stroke-width: 1.5; }
  .rim { fill: none; stroke: currentColor; }
  .way { fill: none; stroke: currentColor; stroke-width: 1.3; opacity: 0.65; }
  .head { fill: currentColor; stroke: none; opacity: 0.8; }
"""

Label = tuple[str, str]

# Any: the two kinds of machines have states and inputs of their own, of which only the names count.
Machine = transaction.Machine | session.Machine[Any, Any, Any]

SESSION_TIMERS = {
    "Retry": "2.1 to 4 s, or 0 to 2 s",
    "Repeat": "0.5 s",
    "Extend": "60 s",
    "Refresh": "half of the interval",
    "Expire": "the interval, less 32 s",
}
"""How long the timers of a session run; all others run for 64 times T1."""


@attrs.define(eq=False)
class Place:
    """A state and where it is drawn."""

    state: enum.Enum
    timers: list[str]
    stays: list[Label]
    leaves: dict[enum.Enum, list[Label]]
    entered: bool
    """Something leads here, so there is an arrow-head at the top of the right side."""
    top: int = 0

    @property
    def height(self) -> int:
        """As high as its own text or what stands beside it, whichever needs more."""
        right = sum(LINE * len(labels) + PAD for labels in self.leaves.values())
        inside = 30 + 15 * len(self.timers) + 4
        left = LINE * len(self.stays) + PAD + 4
        return max(44, inside, left, right + (LINE if self.entered else 0) + 4)

    @property
    def door(self) -> int:
        """Where lanes come in."""
        return self.top + (LINE if self.leaves else self.height // 2)

    def exits(self) -> Iterator[tuple[enum.Enum, list[Label], int]]:
        """What leaves, and at which height."""
        y = self.top + (LINE if self.entered else 0) + 2
        for target, labels in self.leaves.items():
            y += LINE * len(labels) + PAD
            yield target, labels, y - 6


def places_of(machine: Machine) -> list[Place]:
    """The states of *machine* with all their labels, laid out downwards."""
    order: list[enum.Enum] = [*machine.states()]
    steps: Mapping[Any, Any] = machine.steps
    targets = {step[0] for (state, _), step in steps.items() if state is not step[0]}
    places = []
    top = 84
    for state in order:
        leaves: dict[enum.Enum, list[Label]] = {}
        stays: list[Label] = []
        for (source, on), (following, *actions) in steps.items():
            if source is state:
                label = on.value, ", ".join(do.value for do in actions)
                (stays if following is state else leaves.setdefault(following, [])).append(label)
        leaves = {target: leaves[target] for target in order if target in leaves}
        place = Place(state, timers_of(machine, state), stays, leaves, state in targets, top)
        places.append(place)
        top += place.height + GAP
    return places


def timers_of(machine: Machine, state: Any) -> list[str]:
    """The timers that *state* owns, as a line each."""
    repeats: Mapping[Any, enum.Enum] = machine.repeats

    def line(on: Any) -> str:
        again = repeats.get((state, on))
        return f"{on.value}: {lasts(on)}" + (f", then {again.value}" if again else "")

    return [line(on) for on in sorted(machine.owned(state), key=lambda on: on.name)]


def lasts(on: enum.Enum) -> str:
    """How long a timer runs."""
    if isinstance(on, transaction.On):
        return f"{transaction.TimerSettings().unreliable.first[on]:g} s"
    return SESSION_TIMERS.get(on.value, "32 s")


def title_of(machine: Machine) -> str:
    is_transaction = isinstance(machine, transaction.Machine)
    return f"{machine.name} transaction" if is_transaction else machine.name


def draw(machine: Machine) -> str:
    """The figure of *machine* as SVG."""
    places = places_of(machine)
    doors = {place.state: place.door for place in places}
    box = max(
        [BOX, *(round(LETTER * len(timer)) + 16 for place in places for timer in place.timers)]
    )
    left = max([60, *(width(label) + 56 for place in places for label in place.stays)])
    beside = [label for place in places for labels in place.leaves.values() for label in labels]
    right = left + box
    lanes_at = right + max(width(label) for label in beside) + 24
    # The nearer a lane ends, the nearer it is, so that lanes do not cross each other.
    targets = [state for state in doors if any(state in place.leaves for place in places)]
    lanes = {state: lanes_at + LANE * number for number, state in enumerate(targets)}
    total = lanes_at + LANE * len(targets) + 10
    height = places[-1].top + places[-1].height + 34
    size = f'width="{total}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {total} {height}" role="img">',
        f"<title>{escape(title_of(machine))}</title>",
        f"<style>{STYLE}</style>",
        text(left, 30, title_of(machine), "title"),
        way(f"M{left + box // 2},46 V{places[0].top - 7}"),
        head(left + box // 2, places[0].top, "down"),
        f'<circle class="head" cx="{left + box // 2}" cy="46" r="5"/>',
    ]
    for place in places:
        parts += drawn_box(place, left, box)
        parts += drawn_stays(place, left)
        for target, labels, y in place.exits():
            parts += drawn_labels(labels, right + 10, y)
            parts.append(way(elbow(right, y, lanes[target], doors[target])))
    for target, x in lanes.items():
        start = min(y for place in places for to, _, y in place.exits() if to is target)
        parts.append(way(lane(x, start, right, doors[target])))
        parts.append(head(right, doors[target], "left"))
    over = " over UDP" if isinstance(machine, transaction.Machine) else ""
    note = f"timers as{over} with the default settings"
    return "\n".join([*parts, text(left, height - 12, note, "note"), "</svg>", ""])


def drawn_box(place: Place, left: int, box: int) -> list[str]:
    frame = f'x="{left}" y="{place.top}" width="{box}" height="{place.height}" rx="{ROUND}"'
    parts = [
        f'<rect class="box" {frame}/>',
        text(left + 14, place.top + 23, place.state.value, "name"),
    ]
    if not place.leaves:
        inner = (
            f'x="{left + 4}" y="{place.top + 4}" width="{box - 8}" height="{place.height - 8}"'
            f' rx="{ROUND - 3}"'
        )
        parts.append(f'<rect class="rim" {inner}/>')
    for number, timer in enumerate(place.timers):
        parts.append(text(left + 14, place.top + 42 + 15 * number, timer, "timer"))
    return parts


def drawn_stays(place: Place, left: int) -> list[str]:
    """The inputs that lead back: one loop for all of them."""
    if not place.stays:
        return []
    first, last = place.top + 12, place.top + 12 + LINE * len(place.stays) - 4
    x = left - 26
    parts = [
        way(
            f"M{left},{last} H{x + ROUND} Q{x},{last} {x},{last - ROUND} V{first + ROUND}"
            f" Q{x},{first} {x + ROUND},{first} H{left - 7}"
        )
        if last - first > 2 * ROUND
        else way(
            f"M{left},{last} H{x + 6} Q{x},{last} {x},{(first + last) / 2:g}"
            f" Q{x},{first} {x + 6},{first} H{left - 7}"
        ),
        head(left, first, "right"),
    ]
    for number, label in enumerate(place.stays):
        parts.append(labelled(x - 8, first + 9 + LINE * number, label, "end"))
    return parts


def drawn_labels(labels: list[Label], x: int, y: int) -> list[str]:
    """Labels above the line at *y*."""
    return [
        labelled(x, y - 6 - LINE * (len(labels) - 1 - number), label, "start")
        for number, label in enumerate(labels)
    ]


def elbow(x: int, y: int, lane_x: int, door: int) -> str:
    """From a box to a lane, turning towards the door at its end."""
    turn = ROUND if door > y else -ROUND
    return f"M{x},{y} H{lane_x - ROUND} Q{lane_x},{y} {lane_x},{y + turn}"


def lane(x: int, start: int, box: int, door: int) -> str:
    """A lane, from the first exit that joins it to the box where it ends."""
    turn = ROUND if door > start else -ROUND
    return f"M{x},{start + turn} V{door - turn} Q{x},{door} {x - ROUND},{door} H{box + 7}"


def way(path: str) -> str:
    return f'<path class="way" d="{path}"/>'


def head(x: int, y: int, towards: str) -> str:
    """An arrow-head whose tip is at *x*, *y*."""
    backward = {"left": (8, 0), "right": (-8, 0), "down": (0, -8)}[towards]
    dx, dy = backward
    sideways = (dy / 2, dx / 2)
    corners = [
        (x, y),
        (x + dx + sideways[0], y + dy + sideways[1]),
        (x + dx - sideways[0], y + dy - sideways[1]),
    ]
    return f'<polygon class="head" points="{" ".join(f"{a:g},{b:g}" for a, b in corners)}"/>'


def text(x: int, y: int, content: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(content)}</text>'


def labelled(x: int, y: int, label: Label, anchor: str) -> str:
    """An input and, fainter, what is done on it."""
    on, do = (escape(part) for part in label)
    actions = f'<tspan class="do"> / {do}</tspan>' if do else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{on}{actions}</text>'


def width(label: Label) -> int:
    return round(LETTER * len(" / ".join(part for part in label if part)))


def figures() -> dict[Path, str]:
    """Every figure by the file that it belongs in."""
    drawn = {FOLDER / f"{slug(machine)}.svg": draw(machine) for machine in transaction.MACHINES}
    for machine in session.MACHINES:
        drawn[FOLDER / f"session-{slug(machine)}.svg"] = draw(machine)
    return drawn


def slug(machine: Machine) -> str:
    return machine.name.removeprefix("INVITE session, ").lower().replace(" ", "-")


def stale() -> list[Path]:
    """The files that do not show the tables as they are, and those that no table is behind."""
    wanted = figures()
    there = {
        path: path.read_text(encoding="utf-8")
        for kind in ("*-client.svg", "*-server.svg", "session-*.svg")
        for path in FOLDER.glob(kind)
    }
    return sorted(path for path in wanted | there if wanted.get(path) != there.get(path))


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    if arguments:
        for path in (outdated := stale()):
            print(f"stale: {path}; run python -m tools.draw_state_machines")
        return 1 if outdated else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, figure in figures().items():
        path.write_text(figure, encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
