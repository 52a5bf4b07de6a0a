"""Class activation maps of any trained network, by the grad-cam library, on the network's own grid.

Three ways to ask after the fact which cells of the backbone's map X counted:

    gradcam    Grad-CAM (Selvaraju et al. 2017): X weighed by its mean gradients
    gradcam++  Grad-CAM++ (Chattopadhay et al. 2018): by its positive gradients, cell by cell
    eigencam   Eigen-CAM (Muhammad and Yeasin 2020): X along its first principal component; it asks
               for no class

The library's final maps are stretched to [0, 1] image by image, which turns a flat map into one
with a peak; these are the maps before that.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from rnnha.images.batches import batches, evaluation_batch, normalise
from rnnha.images.cache import Images

CAMS = {"gradcam": GradCAM, "gradcam++": GradCAMPlusPlus, "eigencam": EigenCAM}


class FineHead(nn.Module):
    """The network as the library wants it: images in, one tensor out, the vehicle logits."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images).fine


def cam(
    model: nn.Module, images: Tensor, kind: str = "gradcam", target_ids: np.ndarray | None = None
) -> NDArray[np.float32]:
    """The map of one of CAMS for the fine head, on the backbone's map X; float32 [B, h, w], not
    negative.

    images: float32 [B, 3, S, S], normalised. target_ids: int [B], the vehicle class to explain.
    None takes the class that the network predicts: test vehicles are none of the training's, so
    a test image has no true class, and the map tells which training vehicle it resembles and why.

    Raises KeyError for another kind, ValueError when the targets do not fit the batch and
    IndexError when they do not fit the head.
    """
    if target_ids is not None and np.shape(target_ids) != (len(images),):
        raise ValueError(f"{len(images)} images need as many targets, not {np.shape(target_ids)}")
    was_training = model.training
    # Gradients are wanted at the map only: cut there, the backward pass spares the backbone, whose
    # own maps are not kept either while its weights ask for no gradient.
    trained = [weight for weight in model.backbone.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    cut = model.backbone.register_forward_hook(lambda *args: args[-1].detach().requires_grad_())
    asked = CAMS[kind](FineHead(model), [model.backbone])  # no `with`: it would swallow IndexErrors
    try:
        targets = None
        if target_ids is not None:
            targets = [ClassifierOutputTarget(int(i)) for i in target_ids]
        with torch.enable_grad():
            asked(images, targets)
        seen = asked.activations_and_grads
        X = seen.activations[0].numpy()
        gradients = seen.gradients[0].numpy() if asked.uses_gradients else None
        raw = asked.get_cam_image(images, model.backbone, targets, X, gradients, False)
    finally:
        asked.activations_and_grads.release()
        cut.remove()
        for weight in trained:
            weight.requires_grad_(True)
        model.zero_grad(set_to_none=True)
        model.train(was_training)
    if kind == "eigencam":
        raw = _pointing_to_features(raw, X)
    return np.maximum(raw, 0).astype(np.float32)


def _pointing_to_features(raw: NDArray, X: NDArray) -> NDArray:
    """The sign of a principal component is arbitrary; this one is high where X is long."""
    length = np.linalg.norm(X, axis=1)
    length -= length.mean((1, 2), keepdims=True)
    return np.where((raw * length).sum((1, 2), keepdims=True) < 0, -raw, raw)


def cam_maps(
    model: nn.Module, pixels: Images, kind: str = "gradcam", batch_size: int | None = None
) -> NDArray[np.float32]:
    """`cam` of the predicted vehicle for every image; float32 [N, h, w]."""
    device = next(model.parameters()).device
    parts = batches(pixels, np.arange(len(pixels)), batch_size or evaluation_batch(pixels.size))
    return np.concatenate([cam(model, normalise(batch.to(device)), kind) for batch, _ in parts])
