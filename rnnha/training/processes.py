"""Several processes that train one network together, as `torchrun` starts them.

Without `torchrun` every function here does what one process alone would do: nothing, or to hand
its argument back. Two groups are kept: gradients go over the fast one and may wait ten minutes;
decisions and gathered results go over a patient one, because the others wait there while the
writer builds a cache or scores.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

GRADIENTS = timedelta(minutes=10)
PATIENT = timedelta(hours=12)
_patient: dist.ProcessGroup | None = None


class LostProcess(RuntimeError):
    """Another process of the job is gone or does not answer; finished epochs are on disk."""


@contextmanager
def session() -> Iterator[None]:
    """Join the job that `torchrun` started; do nothing outside of one.

    Each process takes the GPU of its local rank, or the processor where there is none (gloo).
    Raises LostProcess in place of the backend's error when another process is gone.
    """
    global _patient
    if not dist.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(_local_rank())
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=GRADIENTS)
    _patient = dist.new_group(backend="gloo", timeout=PATIENT)
    try:
        yield
    except RuntimeError as error:
        if not _of_backend(error):
            raise
        raise LostProcess(
            f"process {rank()} of {world_size()} has lost another one ({str(error)[:200]}); the "
            "same command goes on from the last finished epoch, with any number of processes"
        ) from error
    finally:
        _patient = None
        dist.destroy_process_group()


def _of_backend(error: RuntimeError) -> bool:
    words = ("gloo", "nccl", "connection closed by peer", "timed out waiting")
    return isinstance(error, dist.DistError) or any(w in str(error).lower() for w in words)


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", 0))


def is_writer() -> bool:
    """Whether this process writes files and shows progress: only the first does."""
    return rank() == 0


def wait() -> None:
    """Wait until all processes are here."""
    from_writer(lambda: None)


def from_writer(call: Callable):
    """The value of `call()`, made by the writer only and handed to all."""
    if not dist.is_initialized():
        return call()
    value = [call() if is_writer() else None]
    dist.broadcast_object_list(value, src=0, group=_patient)
    dist.barrier(_patient)
    return value[0]


def first_the_writer(call: Callable):
    """`call()` in every process: first the writer, then one on each machine, then the others.

    So a cache is built once on a disk that machines share, and once a machine otherwise.
    """
    turn = 0 if is_writer() else 1 if _local_rank() == 0 else 2
    for now in range(3 if dist.is_initialized() else 1):
        if now == turn:
            value = call()
        wait()
    return value


def share(parts: Sequence) -> Sequence:
    """This process's stretch of `parts`; the stretches of all are the whole, in order."""
    n, k = divmod(len(parts), world_size())
    begin = rank() * n + min(rank(), k)
    return parts[begin : begin + n + (rank() < k)]


def gather(value) -> list:
    """The values of all processes in order, for the writer; an empty list for the others."""
    if not dist.is_initialized():
        return [value]
    values = [None] * world_size() if is_writer() else None
    dist.gather_object(value, values, dst=0, group=_patient)
    return values or []


def total(row: dict[str, float], device: torch.device) -> dict[str, float]:
    """The sums over all processes of numbers that each of them has."""
    if not dist.is_initialized():
        return row
    values = torch.tensor(list(row.values()), dtype=torch.float64, device=device)
    dist.all_reduce(values)
    return dict(zip(row, values.tolist(), strict=True))


def parallel(model: nn.Module) -> nn.Module:
    """The model as it is trained: alone, or with its gradients averaged over all processes.

    On GPUs batch normalisation becomes that of the whole batch; on processors, where PyTorch
    has no such layer, the writer says that numbers will differ from those of one process.
    """
    if not dist.is_initialized():
        return model
    if torch.cuda.is_available():
        nn.SyncBatchNorm.convert_sync_batchnorm(model)  # replaces the layers in place
    elif is_writer() and any(isinstance(m, nn.BatchNorm2d) for m in model.modules()):
        print(
            "On processors each process normalises its own part of a batch: the numbers will "
            "differ from those of one process. (On GPUs they are normalised together.)"
        )
    return nn.parallel.DistributedDataParallel(model)


def alike(model: nn.Module) -> None:
    """Give all processes the writer's weights and running statistics."""
    if dist.is_initialized():
        for value in model.state_dict().values():
            dist.broadcast(value, src=0)
