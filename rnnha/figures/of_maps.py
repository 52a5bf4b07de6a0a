"""The figures of a data set's measured maps, and what the swap test says, from finished runs.

The numbers are those of `tables.attention` and `tables.differences`.
"""

from matplotlib.figure import Figure

from rnnha.figures import comparisons
from rnnha.figures.marks import markers, palette
from rnnha.runs.results import Results
from rnnha.tables import attention, differences
from rnnha.tables.pages import label

# Which way is better, as the panels of `ahead` say it; the table tells the mass on cues.
PANELS = {
    "auc": "AUC on cues, points\n(right of 0: more on the cues)",
    "pointing": "pointing, points\n(right of 0: more on the cues)",
    "insertion": "insertion, points of mAP\n(right of 0: its cells suffice sooner)",
    "deletion": "deletion, points of mAP\n(left of 0: its cells are missed sooner)",
}


def ahead(results: Results) -> Figure | None:
    """How far each row's maps are ahead of their own mean maps, a panel a measure; None where no
    maps were measured."""
    table = attention.build(results)
    if table.empty:
        return None
    shown = table[table["map"].isin(attention.TITLES) & table["measure"].isin(PANELS)]
    shown = shown.assign(map=shown["map"].map(attention.TITLES))
    title = f"{results.data_set.place}: maps minus their mean maps, 95 % intervals over vehicles"
    return comparisons.ahead(shown, PANELS, title, palette(), markers())


def curves(results: Results) -> Figure | None:
    """Insertion and deletion of each row's maps, a line a map; None where no maps were measured."""
    found = attention.curves(results)
    if found.empty:
        return None
    title = f"{results.data_set.place}: searches with some cells of the query, mean over seeds"
    return comparisons.insertion_and_deletion(found, title)


# By the map that takes the place of the network's own: what is said where own is better, where it
# is worse, and where neither can be told.
_SAID = {
    "uniform": {
        1: "Once it is trained, the network needs its attention: without it the search is worse",
        -1: "Once it is trained, the network does not need its attention: an even map is better",
        0: "That the network needs its attention once it is trained is not shown",
    },
    "another image": {
        1: "Where it looks depends on the image, and matters: another image's map is worse",
        -1: "The network's own map is worse than another image's",
        0: "That it matters which image it looks at is not shown",
    },
}


def swapped(results: Results, slug: str) -> str:
    """What the swap test of a row says, by the rule of `differences`: a line a map of _SAID, by the
    table's first metric on its largest test list.

    Raises ResultsError as `differences.swaps` does.
    """
    poster = results.poster
    lines = [
        f"{_SAID[d.minus][d.verdict]} (own minus {d.minus}: {d.value:+.1f} points of "
        f"{label(d.metric)} [{d.low:+.1f}, {d.high:+.1f}], {len(d.by_seed)} trainings)."
        for d in differences.swaps(results, slug)
        if d.minus in _SAID and (d.metric, d.test_size) == (poster.metrics[0], poster.largest)
    ]
    return "\n".join(lines) or "No run has kept the queries of its swap test."
