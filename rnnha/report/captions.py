"""What the pictures of the report show, in words: for those who cannot see them, and below them."""

from rnnha.data import sets

# Figures of a data set, by the end of their names: what is seen, and how to read it.
_ABOUT = {
    "order": (
        "Chart of lines between two lists of methods, the poster's on the left and ours on the "
        "right, the best on top",
        "the poster's order of methods beside ours. Lines that cross are methods that change "
        "places.",
    ),
    "differences": (
        "Chart of differences between pairs of rows, each a point with its interval about a "
        "line at 0",
        "differences between rows, 95 % intervals. Right of 0 the first row of a pair is ahead.",
    ),
    "cmc": (
        "Chart of rising curves, one a method, over the ranks 1 to 20",
        "in how many of 100 queries a right image is among the first k.",
    ),
    "training": (
        "Five charts of curves over the epochs: loss and accuracy of both heads, the whole loss",
        "how the trained rows learned. Dotted: where the rows that start from a stage 0 begin.",
    ),
    "adversaries": (
        "Three charts of curves over the epochs: the discriminator's loss, how often it is right "
        "about real and about inferred features, and how often it tells their vehicle",
        "how VAMI's discriminator stands against its generator. Dotted: it cannot tell.",
    ),
    "types": (
        "Chart of points with intervals, a group a vehicle type and a colour a method",
        "the paper's rows within each type of vehicle.",
    ),
    "embeddings": (
        "Four clouds of points, coloured by kind of vehicle and by vehicle",
        "the states after the coarse and the fine step in two dimensions. A point is an image.",
    ),
    "attention": (
        "Four charts of points with intervals about a line at 0, a group a kind of map and a "
        "colour a row",
        "what each kind of map has ahead of its own mean map, 95 % intervals. Right of 0 it is "
        "ahead; for deletion left of 0.",
    ),
    "curves": (
        "Two charts of curves a row, a line a map: searches with a query's highest cells alone, "
        "and without them",
        "how soon a map's highest cells suffice (insertion: a high line is good), and how soon "
        "they are missed (deletion: a low one).",
    ),
}
# Where they stand: above the numbers, below them, and below them when they are asked for.
ABOVE, BELOW = ("order",), ("cmc",)
FOLDED = ("differences", "types", "training", "adversaries", "embeddings")
# Figures that stand beside a further table's own, by the end of its name.
BESIDE = {"attention": ("curves",)}
# Pages of a data set's tables, by the end of their names: what the links to them say.
OF_A_SET = {
    "": "All rows and test lists, with intervals and notes",
    "-exploratory": "Differences between rows, and scores by other protocols",
    "-released": "The equations and the released code",
}
# Further tables, by the end of their names: how the report's navigation calls them.
FURTHER = {
    "systems": "All systems",
    "attention": "Attention",
    "study": "Study",
    "photographs": "Photographs",
    "finetune": "Fine-tuning",
}


def about(name: str, title: str = "") -> tuple[str, str]:
    """Alternative text and caption of a figure by its file's name, <data set>-<what>.

    title: of the table that it belongs to, which says what any other figure is about.
    """
    dataset, _, kind = name.rpartition("-")
    if kind not in _ABOUT:
        title = title or name.replace("-", " ")
        return f"Chart of the table below: {title}", f"{title}."
    seen, told = _ABOUT[kind]
    place = sets.place(dataset)
    return f"{seen}; {place}", f"{place}: {told}"
