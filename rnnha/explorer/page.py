"""The explorer as one HTML file that needs no network: all answers are inside.

It holds some vehicles of each set with the whole gallery that they are searched in, and as many
networks as the file has room for.
"""

import base64
import gzip
import html
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rnnha import paths
from rnnha.explorer import answers, sources
from rnnha.explorer.script import HERE, script, style
from rnnha.explorer.sources import Source
from rnnha.paths import atomic

VEHICLES, IMAGES = 60, 2  # of each set: how many can be looked into, with how many images each
LARGEST = 15_000_000  # bytes
FOOTER = (
    "The network was trained with its own soft maps: another map, even the true cues, is something "
    "that it has never seen. o2 is computed here, by the network's own weights; the gallery keeps "
    "its own. Licence: MIT, the rendered images CC BY 4.0."
)


def place() -> Path:
    """Where the report looks for it: build/explorer.html, or in another results folder."""
    return paths.report_of(paths.RESULTS).with_name("explorer.html")


def save(
    file: Path | None = None, vehicles: int = VEHICLES, images: int = IMAGES, largest: int = LARGEST
) -> list[str]:
    """Write the page; return one sentence for each network that has no room in it.

    file: by default `place()`.
    The shipped networks come first, then one's own finished runs, first those with attention.
    Raises FileNotFoundError where no set is unpacked, ValueError where no network can be shown.
    """
    file, offered = file or place(), sources.every()
    if not offered:
        raise FileNotFoundError(sources.NOTHING)
    first = {source.dataset: source for source in reversed(offered)}
    chosen = {dataset: _chosen(source, vehicles, images) for dataset, source in first.items()}
    pictures = {dataset: _pictures(dataset, names) for dataset, names in chosen.items()}
    kept, packed, left = _fitting(offered, chosen, pictures, largest)
    if not kept:
        raise ValueError(f"{file}: no network can be shown: {'; '.join(left)}")
    shown = dict.fromkeys(source.dataset for source in kept)
    found = {
        "index": answers.index(kept, chosen),
        "answers": packed,
        "pictures": {key: text for name in shown for key, text in pictures[name].items()},
    }
    with atomic(file) as temporary:
        temporary.write_text(page(found), encoding="utf-8")
    return left


def _fitting(
    offered: list[Source],
    chosen: dict[str, list[str]],
    pictures: dict[str, dict[str, str]],
    largest: int,
) -> tuple[list[Source], dict[str, str], list[str]]:
    """The networks that the page has room for, their answers, and a sentence for each other one."""
    index = answers.index(offered, chosen)
    # What a set needs before any network can be shown on it: of a large gallery, all the room.
    needed = {name: _size(pictures[name]) + len(_bare(index["sets"][name])) for name in chosen}
    size = len(page({"index": index | {"sets": {}}, "answers": {}, "pictures": {}}).encode())
    kept, packed, left = [], {}, []
    for source in sorted(offered, key=lambda s: (not s.shipped, not s.attends, s.seed)):
        more, new = needed.get(source.dataset, 0), {}
        if size + more <= largest:
            try:
                new = {"|".join(map(str, q)): a for q, a in _packed(source, chosen[source.dataset])}
            except (KeyError, ValueError) as error:
                left.append(f"{source.title} on {source.dataset}: {error.args[0]}")
                continue
            more += _size({key: text for key, text in new.items() if key not in packed})
        if size + more > largest:
            left.append(
                f"{source.title} on {source.dataset}: no room "
                f"({more / 1e6:.1f} MB more than {size / 1e6:.1f} of {largest / 1e6:.0f})"
            )
            continue
        kept, packed, size = [*kept, source], packed | new, size + more
        needed.pop(source.dataset, None)
    return kept, packed, left


def page(found: dict) -> str:
    """The HTML of index, answers and pictures."""
    text = (HERE / "page.html").read_text(encoding="utf-8")
    parts = {
        "style": style(),
        "footer": html.escape(FOOTER),
        "script": script("page"),
        "answers": _bare(found),
    }
    for name, part in parts.items():
        text = text.replace("{{ " + name + " }}", part)
    return text


def _bare(found: dict) -> str:
    """JSON that may stand inside of a script element: nothing in it can end that."""
    return json.dumps(found, separators=(",", ":")).replace("<", "\\u003c")


def _chosen(source: Source, vehicles: int, images: int) -> list[str]:
    """Names of images that are queries, of vehicles drawn by chance; fewer than `images` of each
    where no vehicle has so many."""
    seen = sources.seen(source)
    queries = seen.images[seen.images["query"]]
    most = queries["vehicle_id"].value_counts().max()
    return replace(seen, images=queries).pick(vehicles, min(images, most))


def _pictures(dataset: str, names: list[str]) -> dict[str, str]:
    table = answers.test_set(dataset)[1]
    found = {
        f"thumbnail|{dataset}|{place}": answers.thumbnail(dataset, place)
        for place in range(len(table))
    }
    for place in table.index.get_indexer(names):
        found[f"picture|{dataset}|{place}"] = answers.picture(dataset, place)
    return found


def _size(texts: dict[str, str]) -> int:
    """In the page, in bytes: with quotes, colon and comma."""
    return sum(len(key) + len(text) + 8 for key, text in texts.items())


def _packed(source: Source, names: list[str]) -> Iterator[tuple[tuple, str]]:
    """Questions about a network, and their answers as text."""
    if source.attends:
        yield ("network", source.key), _zipped(answers.network(source))
        yield ("weights", source.weights), _zipped(answers.weights(source))
    for place in answers.test_set(source.dataset)[1].index.get_indexer(names):
        question = "image", source.key, place
        yield question, _zipped(answers.image(source, int(place)))


def _zipped(answer: dict) -> str:
    text = json.dumps(answer, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()
