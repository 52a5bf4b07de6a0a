"""The state of a training on disk: written after each epoch, read when a killed run goes on."""

from pathlib import Path

import torch

from rnnha.paths import atomic
from rnnha.training import processes


def save(checkpoint: Path, key: str, model, optimizer, schedule, history, precision) -> None:
    state = {
        "key": key,
        "precision": precision,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": history,
        "random": torch.get_rng_state(),
    }
    with atomic(checkpoint) as temporary:
        torch.save(state, temporary)


def resume(checkpoint: Path, key: str, model, optimizer, schedule) -> list[dict]:
    """Put the state of a checkpoint with this key in place; return its history, else []."""

    state = processes.from_writer(lambda: read(checkpoint, key))
    if state is None:
        return []
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    return state["history"]


def read(path: Path, key: str) -> dict | None:
    """The state in a checkpoint with this key; None where there is none."""
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state if state["key"] == key else None
