"""Class activation maps, each against its formula, worked out without the library."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from noise_pictures import CELLS, batch_of, network, noise
from rnnha.images.cache import Images
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import IdentityOnly
from rnnha.scoring import cams


@pytest.fixture(scope="module")
def pixels(tmp_path_factory) -> Images:
    return noise(tmp_path_factory.mktemp("images"))


def gradcam_by_hand(model, images, targets):
    """ReLU(sum_c mean_ij(dy/dX_cij) X_c), with X cut out of the network by a forward hook."""
    kept = []
    hook = model.backbone.register_forward_hook(lambda *args: kept.append(args[-1]))
    fine = model(images).fine
    hook.remove()
    chosen = fine[torch.arange(len(images)), torch.as_tensor(targets)].sum()
    (gradient,) = torch.autograd.grad(chosen, kept)
    weights = gradient.mean((2, 3), keepdim=True)
    return torch.relu((weights * kept[0]).sum(1)).detach().numpy()


@pytest.mark.parametrize("build", [network, lambda: IdentityOnly(SmallVGGM((4, 6, 8)), 7).eval()])
def test_gradcam_is_the_formula_of_the_fine_head_not_rescaled(build, pixels):
    torch.manual_seed(1)
    model, images = build(), batch_of(pixels)
    targets = [0, 6, 3, 3, 1]
    found = cams.cam(model, images, target_ids=np.array(targets))
    np.testing.assert_allclose(found, gradcam_by_hand(model, images, targets), atol=1e-7)
    assert found.shape == (5, CELLS, CELLS) and found.dtype == np.float32 and found.max() > 0
    assert not np.allclose(found, cams.cam(model, images, target_ids=np.array([5, 5, 5, 5, 5])))


def test_gradcam_explains_the_predicted_vehicle_unless_told(pixels):
    model, images = network(), batch_of(pixels)
    predicted = model(images).fine.argmax(1).numpy()
    default = cams.cam(model, images)
    np.testing.assert_array_equal(default, cams.cam(model, images, target_ids=predicted))


def test_gradcam_keeps_no_map_of_the_backbone_for_gradients(pixels):
    model, images, seen = network(), batch_of(pixels), []
    layer = next(m for m in model.backbone.modules() if isinstance(m, torch.nn.Conv2d))
    layer.register_forward_hook(lambda *args: seen.append(args[-1].requires_grad))
    cams.cam(model, images)
    assert seen == [False]
    assert all(weight.requires_grad for weight in model.parameters())


def test_gradcam_leaves_the_network_as_it_was(pixels):
    model = network().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    cams.cam(model, batch_of(pixels))
    assert model.training and all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_gradcam_reports_targets_that_do_not_fit(pixels):
    model, images = network(), batch_of(pixels)
    with pytest.raises(ValueError, match="5 images"):
        cams.cam(model, images, target_ids=np.array([0]))
    with pytest.raises(IndexError):  # the library's context manager would swallow it
        cams.cam(model, images, target_ids=np.array([0, 1, 2, 3, 7]))


def test_gradcam_maps_do_not_depend_on_the_batch(pixels):
    model = network()
    whole = cams.cam_maps(model, pixels)
    np.testing.assert_allclose(whole, cams.cam_maps(model, pixels, batch_size=2), atol=1e-6)
    np.testing.assert_allclose(whole, cams.cam(model, batch_of(pixels)), atol=1e-6)


def test_gradcam_plus_plus_is_the_papers_formula(pixels):
    """Equation 19 of its paper with the score itself for exp(score), as usual: weights are
    sum_ij alpha_ij ReLU(g_ij), alpha_ij = g^2 / (2 g^2 + sum_ab X_ab g^3)."""
    torch.manual_seed(1)
    model, images = network(), batch_of(pixels)
    kept = []
    hook = model.backbone.register_forward_hook(lambda *args: kept.append(args[-1]))
    fine = model(images).fine
    hook.remove()
    (gradient,) = torch.autograd.grad(fine.max(1).values.sum(), kept)
    X, expected = kept[0].detach().double(), []
    for x, g in zip(X, gradient.double(), strict=True):
        cam = torch.zeros(x.shape[1:], dtype=torch.float64)
        for xc, gc in zip(x, g, strict=True):
            alpha = gc**2 / (2 * gc**2 + xc.sum() * gc**3 + 1e-6)
            cam += (alpha * gc.clamp(min=0)).sum() * xc
        expected.append(cam.clamp(min=0))
    found = cams.cam(model, images, "gradcam++")
    np.testing.assert_allclose(found, torch.stack(expected), rtol=1e-3, atol=1e-8)
    assert found.max() > 0


def test_eigencam_is_the_first_principal_component_and_points_to_features(pixels):
    model, images = network(), batch_of(pixels)
    X = model.backbone(images).detach().numpy()
    for found, x in zip(cams.cam(model, images, "eigencam"), X, strict=True):
        cells = x.reshape(len(x), -1).T
        component = PCA(1).fit_transform(cells).reshape(x.shape[1:])
        if np.corrcoef(component.ravel(), np.linalg.norm(cells, axis=1))[0, 1] < 0:
            component = -component
        np.testing.assert_allclose(found, np.maximum(component, 0), atol=1e-5)
