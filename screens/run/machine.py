"""How busy this machine is while a run goes on: a graph for the processor, the memory and a GPU."""

from __future__ import annotations

from collections import deque

from rich.text import Text
from textual.content import Content

from benchtui.machine import MachineReading
from screens.run.status import of_words
from screens.themes import colours
from screens.widgets.drawing import graph
from screens.widgets.plain import Plain

GRAPH = 24


class Machine(Plain):
    """The newest readings, oldest first."""

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._graphs: dict[str, deque[float]] = {name: deque(maxlen=GRAPH) for name in ("cpu", "memory", "gpu")}
        self._machine: MachineReading | None = None

    def follow(self, machine: MachineReading | None, room: int) -> None:
        """Draw a reading, if it is new, on a screen of so many columns."""
        if machine is None or machine is self._machine:
            return
        self._machine = machine
        shades = colours(self.app)
        memory = machine.memory / machine.memory_total if machine.memory_total else 0.0
        self._graphs["cpu"].append(machine.cpu)
        self._graphs["memory"].append(memory)
        parts = [
            ("CPU", "cpu", f"{100 * machine.cpu:.0f}%"),
            ("Memory", "memory", of_words(machine.memory, machine.memory_total)),
        ]
        if machine.gpu is not None:
            self._graphs["gpu"].append(machine.gpu.busy)
            words = f"{100 * machine.gpu.busy:.0f}% {of_words(machine.gpu.used, machine.gpu.total)}"
            parts.append(("GPU", "gpu", words))
        width = max(min((room - 2) // len(parts) - 24, GRAPH), 6)
        line = Text()
        for name, key, words in parts:
            line.append(f"{name} ", style=shades.muted)
            line.append_text(graph(self._graphs[key], width, shades.primary))
            line.append(f" {words}   ")
        self.update(Content.from_rich_text(line))
