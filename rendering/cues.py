"""Identity cues as sheets with materials: what each kind draws, and all that a vehicle has.

Nothing here is random: a cue's placing says where it is and in which colours (`livery`).
"""

from functools import lru_cache

from rendering import attachments, marks, panels
from rendering.identity import Cue
from rendering.mesh import Sheet
from rendering.templates import Model

DRAW = {  # kind: (model, placing) -> [(sheet, material), ...]
    "sun strip": panels.sun_strip,
    "bonnet": panels.bonnet,
    "brow": panels.brow,
    "bumper corners": panels.corners,
    "stickers": attachments.stickers,
    "door": panels.door,
    "band": panels.band,
    "slant": panels.slant,
    "tail half": panels.tail_half,
    "wheel covers": attachments.wheel_covers,
    "tailgate": panels.tailgate,
    "rear strip": panels.rear_strip,
    "roof": panels.roof,
    "luggage": attachments.luggage,
    "flags": attachments.flags,
}
OF_THE_STUDY = {"mark": marks.mark}


@lru_cache(maxsize=256)
def cue_sheets(model: Model, cues: tuple[Cue, ...]) -> list[tuple[Cue, Sheet, dict]]:
    """(cue, sheet, material) of each piece that has a surface."""
    return [
        (cue, sheet, material)
        for cue in cues
        for sheet, material in (DRAW | OF_THE_STUDY)[cue.kind](model, dict(cue.where))
        if len(sheet)
    ]
