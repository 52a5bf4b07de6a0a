"""What an optimizer does with a gradient that is known: its steps, worked out by hand."""

import math

import pytest
import torch
from torch import nn

from noise_pictures import noise
from rnnha.profiles import Phase
from rnnha.training import loop

START, GRADIENT, RATE = (1.0, -2.0), (3.0, 4.0), 0.01  # a gradient of length 5


class Line(nn.Module):
    """Two weights, whatever the image."""

    def __init__(self):
        super().__init__()
        self.backbone, self.weights = nn.Identity(), nn.Parameter(torch.tensor(START))

    def forward(self, images):
        return self.weights


def slope(output, coarse, fine) -> dict:
    return {"loss": GRADIENT[0] * output[0] + GRADIENT[1] * output[1]}


def trained(folder, phase: Phase, losses=slope) -> tuple[list[float], list[dict]]:
    """The weights after the phase, with one step an epoch, and its history."""
    images, model = noise(folder), Line()
    labels = torch.zeros(len(images), dtype=torch.long)
    where = dict(checkpoint=folder / "state.pt", key="k", device=torch.device("cpu"))
    history = loop.train(
        model, images, labels, labels, phase, stage=0, seed=0, losses=losses, **where
    )
    return model.weights.tolist(), history


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_step_of_sgd_with_nesterovs_momentum_and_weight_decay(tmp_path, decay):
    pulled = [g + decay * w for g, w in zip(GRADIENT, START, strict=True)]
    expected = [w - RATE * (1 + 0.9) * p for w, p in zip(START, pulled, strict=True)]
    found, _ = trained(tmp_path, Phase(1, 99, "sgd", RATE, weight_decay=decay))
    assert found == pytest.approx(expected)


def test_one_cycle_raises_the_rate_and_lowers_the_momentum_meanwhile(tmp_path):
    """Ten steps, so up to the peak in two, by half a cosine: the rate from a 25th, the momentum
    from .95 to .85. Nesterov's step is g + m b, with b = m b + g."""
    seen = []

    def watched(output, coarse, fine):
        seen.append(output.tolist())
        return slope(output, coarse, fine)

    _, history = trained(tmp_path, Phase(9, 99, "sgd", RATE, one_cycle=True), watched)
    rates = [RATE / 25, RATE * 13 / 25, RATE]
    assert [row["learning_rate"] for row in history[:3]] == pytest.approx(rates)
    moved, buffer = 0.0, 0.0
    for step, (rate, momentum) in enumerate(zip(rates, (0.95, 0.90, 0.85), strict=True), start=1):
        buffer = momentum * buffer + 1
        moved += rate * (1 + momentum * buffer)
        expected = [w - moved * g for w, g in zip(START, GRADIENT, strict=True)]
        assert seen[step] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer, length", [("adam", 1.0), ("rmsprop", 10.0)])
def test_a_first_step_of_those_that_divide_by_its_size(tmp_path, optimizer, length):
    """Adam's is the rate, RMSprop's the rate / sqrt(1 - 0.99); here a decay of 3 turns the second
    weight's: 4 - 3 * 2 = -2."""
    found, _ = trained(tmp_path, Phase(1, 99, optimizer, RATE, weight_decay=3.0))
    assert found == pytest.approx([START[0] - RATE * length, START[1] + RATE * length], rel=1e-5)


def test_the_gradient_of_a_step_is_no_longer_than_the_clip(tmp_path):
    found, _ = trained(tmp_path, Phase(1, 99, "sgd", RATE, clip=1.0))
    moved = [(w - f) / (1.9 * RATE) for w, f in zip(START, found, strict=True)]
    assert moved == pytest.approx([3 / 5, 4 / 5], rel=1e-4)
    (tmp_path / "other").mkdir()
    found, _ = trained(tmp_path / "other", Phase(1, 99, "sgd", RATE, clip=50.0))
    assert math.dist(found, START) == pytest.approx(1.9 * RATE * 5, rel=1e-4)


def test_the_rate_falls_by_its_factor_every_so_many_steps(tmp_path):
    _, history = trained(tmp_path, Phase(5, 99, "sgd", RATE, decay=(0.5, 2)))
    rates = [RATE, RATE, RATE / 2, RATE / 2, RATE / 4]
    assert [row["learning_rate"] for row in history] == pytest.approx(rates)


def test_what_a_loss_tells_besides_stands_behind_what_all_tell(tmp_path):
    def more(output, coarse, fine):
        return slope(output, coarse, fine) | {"told": torch.tensor(0.25)}

    _, (row,) = trained(tmp_path, Phase(1, 2, "sgd", RATE), more)
    assert row["told"] == 0.25 and math.isnan(row["coarse_loss"])
