"""Identity cues as parts laid on a vehicle's surface."""


def cue_parts(model, paint: str, cues) -> list:
    return []
