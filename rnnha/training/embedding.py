"""From images to what a trained network makes of them."""

import numpy as np
import torch
from torch import nn

from rnnha.images.batches import batches, evaluation_batch, normalise
from rnnha.images.cache import Images
from rnnha.training import processes
from rnnha.training.device import to_device


@torch.no_grad()  # not inference mode: weights that `to` copies there could never be trained again
def embed(
    model: nn.Module, images: Images, device: torch.device, batch: int | None = None
) -> dict[str, np.ndarray]:
    """Outputs of all N images in evaluation mode, float32: o2 [N, H]; o1 and attention
    [N, h, w] where the network has them. Of several processes only the first gets them."""
    model.to(device, memory_format=torch.channels_last).eval()
    parts: dict[str, list[np.ndarray]] = {}
    batch = batch or evaluation_batch(images.size)
    starts = processes.share(range(0, len(images), batch))
    ours = np.arange(starts.start, min(starts.stop, len(images))) if starts else np.arange(0)
    for pixels, _ in batches(images, ours, batch):
        output = model(normalise(to_device(device, pixels)))
        for name in ("o1", "o2", "attention"):
            value = getattr(output, name, None)
            if value is not None:
                parts.setdefault(name, []).append(value.float().cpu().numpy())
    everybody = processes.gather(parts)
    names = everybody[0] if everybody else ()  # the first process always has images
    return {
        name: np.concatenate([a for each in everybody for a in each.get(name, ())])
        for name in names
    }
