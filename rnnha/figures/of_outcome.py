"""Look into what a network made of the test images: its maps, its mistakes, image by image.

Embeddings and maps are there already (`rnnha.runs.outcome`): nothing is computed but the distances
of one query. `rnnha.explorer` shows the same to play with.
"""

import pandas as pd
from matplotlib.figure import Figure

from rnnha.figures import maps, plots
from rnnha.figures.of_data import place
from rnnha.images.decode import pixels
from rnnha.methods.oracle import seen_cues
from rnnha.runs.outcome import Outcome

NEAREST = 5


def grid(run: Outcome, names: list[str], strength: float = 0.5, gradcam: bool = True) -> Figure:
    """Images with the attention map of step 2, Grad-CAM and cue masks below: the poster's figure.

    gradcam: False, without that row. Raises ValueError for a row without attention.
    """
    if "attention" not in run.maps:
        raise ValueError(f"{run.title} has no attention maps")
    places = [run.position(name) for name in names]
    rows = run.images.iloc[places]
    return maps.attention_grid(
        [pixels(path) for path in rows["path"]],
        run.maps["attention"][places],
        f"{place(run.benchmark)}: where step 2 looks, {run.title}",
        cams=run.maps["Grad-CAM"][places] if gradcam and "Grad-CAM" in run.maps else None,
        masks=[run.cue_mask(name) for name in names] if run.benchmark.synthetic else None,
        titles=[f"vehicle {v}" for v in rows["vehicle_id"]],
        strength=strength,
    )


def closely(run: Outcome, image_name: str, strength: float = 0.5) -> Figure:
    """One test image with its maps and cue mask, and the five nearest images of the gallery.

    strength: of the overlay, in [0, 1]. Raises KeyError for an unknown image.
    """
    row = run.images.iloc[run.position(image_name)]
    image, mask = pixels(row["path"]), run.cue_mask(image_name)
    top = {f"vehicle {row['vehicle_id']}\n{_seen_by(row)}": image}
    for title, heat in run.views(image_name).items():
        top[title] = maps.overlay(image, heat, strength)
    if mask is not None:
        top["cue mask"] = maps.mask_overlay(image, mask)
    canvas = plots.Drawing(figsize=(2 * NEAREST, 5.2), dpi=80)
    canvas.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.84, wspace=0.06, hspace=0.35)
    axes = canvas.subplots(2, NEAREST)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, picture) in zip(axes[0], top.items(), strict=False):
        ax.imshow(picture)
        ax.set_title(title, fontsize=10)
    axes[0, -1].text(0, 0.5, _known(row), va="center", fontsize=10)
    for rank, (ax, found) in enumerate(
        zip(axes[1], run.nearest(image_name).itertuples(), strict=False), start=1
    ):
        sign, colour = ("✓", maps.RIGHT) if found.right else ("✗", maps.WRONG)
        ax.set_axis_on()
        ax.imshow(pixels(found.path))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=colour, linewidth=4)
        ax.set_title(
            f"{rank} {sign} {found.vehicle_id}  d {found.distance:.2f}", fontsize=10, color=colour
        )
    title = f"{place(run.benchmark)}, {run.title}: {image_name}; below, the nearest gallery images"
    canvas.suptitle(title, fontsize=11)
    return canvas


def _known(row: pd.Series) -> str:
    """What a rendered set tells of an image beyond a real set's labels."""
    if "cues" not in row:
        return ""
    looks = [look for look, _ in seen_cues(row["visible_cues"])]
    cues = "\n".join(
        f"{'●' if any(look.startswith(f'{kind} ') for look in looks) else '○'} {kind}"
        for kind in row["cues"].split(";")
    )
    told = f"{row['model']}\n{row['paint']}\n{row['view']}"
    return f"{told}\n\ncues on the vehicle\n(● in sight):\n{cues}"


def _seen_by(row: pd.Series) -> str:
    camera = "" if pd.isna(row["camera_id"]) else f", camera {row['camera_id']}"
    return f"{'' if pd.isna(row['type']) else row['type']}{camera}"
