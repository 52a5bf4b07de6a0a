"""What a checkpoint has learned from, in words; see `methods.network.Network.seen`."""

from collections.abc import Sequence

from rnnha.data import sets


def told(seen: Sequence[dict]) -> str:
    """`600 vehicles of Rendered-VeRi (rendered, synthetic), then 92 vehicles of my-set`."""
    return ", then ".join(f"{each['vehicles']:,} vehicles of {_place(each)}" for each in seen)


def _place(each: dict) -> str:
    return sets.title(each["dataset"]) + (" (rendered, synthetic)" if each["synthetic"] else "")
