"""The explorer in JupyterLab: the page's JavaScript, asking this Python."""

import anywidget

from rnnha.explorer import answers, sources
from rnnha.explorer.script import script, style
from rnnha.explorer.sources import Source
from rnnha.files import printable


class Explorer(anywidget.AnyWidget):
    """Every test image of the rendered sets, and of the known sets of one's finished runs."""

    _esm = script("widget")
    _css = style()

    def __init__(self, first: Source | None = None, image: str | None = None):
        """first, image: the network and the test image of its set that are shown at first.

        Raises KeyError where there is no such image, FileNotFoundError where there is nothing to
        show, and what `sources.seen` does.
        """
        super().__init__()
        found = sources.every()
        self.offered = list(dict.fromkeys([first, *found])) if first else found
        if not self.offered:
            raise FileNotFoundError(sources.NOTHING)
        self.index = answers.index(self.offered)
        if image is not None:
            dataset = self.offered[0].dataset
            place = answers.test_set(dataset)[1].index.get_loc(image)
            self.index["sets"][dataset]["start"] = place
        self.on_msg(self._answer)

    def _answer(self, _, message: dict, __) -> None:
        reply = {"id": message["id"]}
        try:
            reply["answer"] = self.ask(*message["question"])
        except Exception as error:  # whoever asked would wait for ever
            told = str(error.args[-1] if error.args else error)
            reply["error"] = printable(told or type(error).__name__)
        self.send(reply)

    def ask(self, what: str, about: str = "", place: int = 0) -> object:
        """The answer to one question of the JavaScript; see `answers`."""
        if what == "index":
            return self.index
        if what in ("picture", "thumbnail"):
            return getattr(answers, what)(about, place)
        if what == "weights":
            return answers.weights(next(s for s in self.offered if s.weights == about))
        source = next(source for source in self.offered if source.key == about)
        return answers.network(source) if what == "network" else answers.image(source, place)
