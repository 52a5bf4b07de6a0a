"""The state of a training on disk: written after each epoch, read when a killed run goes on."""

import sys
from pathlib import Path

import torch

from rnnha.paths import atomic
from rnnha.training import processes

PARTS = {"key", "precision", "model", "optimizer", "schedule", "history", "random"}


def save(checkpoint: Path, key: str, model, optimizer, schedule, history, precision) -> None:
    """Keep all that a training needs to go on, by rename: PARTS, and on a GPU its chance."""
    state = {
        "key": key,
        "precision": precision,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": history,
        "random": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["random_cuda"] = torch.cuda.get_rng_state()  # what drops out there is drawn there
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
    if torch.cuda.is_available() and "random_cuda" in state:
        torch.cuda.set_rng_state(state["random_cuda"])
    return state["history"]


def read(path: Path, key: str) -> dict | None:
    """The state in a checkpoint with this key; None where there is none.

    A damaged one is named and counts as none: the training begins the phase again.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not PARTS <= state.keys():
            raise ValueError("it is no state of a training")
    except (OSError, MemoryError):
        raise  # the disk's or the machine's fault: the file may be whole
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).partition("\n")[0][:200]
        print(f"{path}: damaged, and not used ({reason})", file=sys.stderr)
        return None
    return state if state["key"] == key else None
