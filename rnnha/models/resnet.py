"""ResNet-50 (He et al. 2016) without its pooling and classifier, as torchvision builds it."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torchvision.models import resnet50


class ResNet50(nn.Module):
    """Images [B, 3, S, S] float32, normalised, to a map [B, 2048, h, w].

    One cell for 32 x 32 pixels, rounded up: 224 -> 7x7, 672 -> 21x21. The parameters have
    torchvision's names behind `layers.`; the initial weights are torchvision's (He et al.).
    """

    channels = 2048
    checkpointing = False  # while training, keep only each stage's input: a third more time

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None).named_children()
        self.layers = nn.Sequential(
            OrderedDict((name, layer) for name, layer in trunk if name not in ("avgpool", "fc"))
        )

    @property
    def stages(self) -> list[nn.Module]:
        """The stem (to the pooling) and the four stages of blocks."""
        return [self.layers[:4], *self.layers[4:]]

    def forward(self, images: Tensor) -> Tensor:
        if not (self.checkpointing and self.training):
            return self.layers(images)
        for stage in self.stages:
            again = partial(_contexts, stage)
            images = checkpoint(stage, images, use_reentrant=False, context_fn=again)
        return images


def _contexts(stage: nn.Module):
    return nullcontext(), _without_statistics(stage)


@contextmanager
def _without_statistics(stage: nn.Module) -> Iterator[None]:
    """The second computation of a batch must not enter the running statistics a second time."""
    layers = [m for m in stage.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    for layer in layers:  # a copy counts in the counter's place: SyncBatchNorm refuses to have none
        layer.momentum, layer.num_batches_tracked = 0.0, layer.num_batches_tracked.clone()
    try:
        yield
    finally:
        for layer, (momentum, count) in zip(layers, before, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, count
