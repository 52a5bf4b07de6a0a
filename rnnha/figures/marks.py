"""The colour and the mark of each row, the same in all figures and for all data sets.

The rows of the ablation have the hues that all eyes tell apart best; what RNN-HA is compared with
is brown, olive and grey-blue; what no network learned is grey. No two rows share both.
"""

from rnnha.experiments import EVERY

_MARKS = {
    # the ablation
    "rnn-ha": ("#d55e00", "o"),
    "rnn-h": ("#0173b2", "s"),
    "fc-ha": ("#029e73", "^"),
    "rnn-ha-unguided": ("#b35fa8", "v"),
    "two-heads": ("#de8f05", "D"),
    "identity-only": ("#3f9fd8", "P"),
    # RNN-HA, larger
    "rnn-ha-resnet": ("#8c2d04", "p"),
    "rnn-ha-672": ("#7a0177", "h"),
    "rnn-ha-resnet-672": ("#d63384", "X"),
    # compared systems
    "lomo": ("#6b6b6b", "o"),
    "bow-cn": ("#6b6b6b", "s"),
    "googlenet": ("#b07d48", "o"),
    "fact": ("#7c4f24", "s"),
    "siamese-visual": ("#6b8e23", "v"),
    "triplet": ("#8a8d1f", "<"),
    "ccl": ("#3f6b4f", ">"),
    "mixed-diff-ccl": ("#2f8f83", "d"),
    "clvr": ("#5f7fb8", "^"),
    "vami": ("#2b3f77", "D"),
    # controls
    "lomo-plain": ("#6b6b6b", "x"),
    "bnneck": ("#111111", "P"),
    "untrained": ("#949494", "x"),
    "color-histogram": ("#949494", "+"),
    "oracle-model": ("#949494", "v"),
    "oracle-model-paint": ("#6b6b6b", "^"),
    "oracle-cues": ("#111111", "*"),
    # the backbones on identities, before all else
    "stage0": ("#111111", "."),
    "stage0-672": ("#7a0177", "."),
    "stage0-resnet": ("#8c2d04", "."),
    "stage0-resnet-672": ("#d63384", "."),
    "stage0-released": ("#6b6b6b", "."),
}
_UNMARKED = ("#6b6b6b", "d")  # a row that somebody has added and not entered here


def mark(slug: str) -> tuple[str, str]:
    """Colour and matplotlib marker of a row; as released, or trained elsewhere, it keeps them."""
    base = slug.partition("-from-")[0]
    return _MARKS.get(base, _MARKS.get(base.removesuffix("-released"), _UNMARKED))


def palette() -> dict[str, str]:
    """The colour of each row, by its title, which names it in figures."""
    return {row.title: mark(row.slug)[0] for row in EVERY}


def markers() -> dict[str, str]:
    """The marker of each row, by its title."""
    return {row.title: mark(row.slug)[1] for row in EVERY}
