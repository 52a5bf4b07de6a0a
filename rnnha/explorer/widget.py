"""The explorer in JupyterLab: the page's JavaScript, asking this Python."""

import anywidget

from rnnha.explorer import answers, sources
from rnnha.explorer.script import script, style
from rnnha.explorer.sources import Source
from rnnha.files import printable


class Explorer(anywidget.AnyWidget):
    """Every test image of the shipped network's sets and of every finished run."""

    _esm = script("widget")
    _css = style()

    def __init__(self, first: Source | None = None):
        """first: the network that is shown at first; ValueError if it cannot be opened."""
        super().__init__()
        found = sources.every()
        if first is not None and first not in found:
            raise ValueError(f"{first.key} is no finished run; there are {[s.key for s in found]}")
        self.offered = sorted(found, key=lambda source: source != first)
        self.on_msg(self._answer)

    def _answer(self, _, message: dict, __) -> None:
        reply = {"id": message["id"]}
        try:
            reply["answer"] = self.ask(*message["question"])
        except (KeyError, ValueError, OSError) as error:
            reply["error"] = printable(str(error.args[-1] if error.args else error))
        self.send(reply)

    def ask(self, what: str, about: str = "", place: int = 0) -> object:
        """The answer to one question of the JavaScript; see `answers`."""
        if what == "index":
            return answers.index(self.offered)
        if what in ("picture", "thumbnail"):
            return getattr(answers, what)(about, place)
        (source,) = (source for source in self.offered if source.key == about)
        return answers.network(source) if what == "network" else answers.image(source, place)
