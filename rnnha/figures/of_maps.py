"""The figures of a data set's measured maps, from finished runs; numbers: `tables.attention`."""

from matplotlib.figure import Figure

from rnnha.figures import comparisons
from rnnha.figures.marks import markers, palette
from rnnha.runs.results import Results
from rnnha.tables import attention

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
