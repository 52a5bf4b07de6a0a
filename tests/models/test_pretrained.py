"""Import of pretrained weights: what is taken, that it computes the same, what is refused."""

import hashlib
from urllib.error import URLError

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import resnet50

import caffemodels
from rnnha import paths
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.models.pretrained.files import BACKBONES, fold
from rnnha.models.pretrained.weights import describe, find_weights, import_weights, load_backbone
from rnnha.models.vgg_m import VGGM

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")


@pytest.fixture(scope="module")
def weights():
    return caffemodels.random_vgg_m()


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "data"


@pytest.fixture
def images():
    """uint8 RGB whose channels differ much, so that a swapped one is seen."""
    rng = np.random.default_rng(1)
    colours = np.array([40, 120, 220])[:, None, None]
    return (colours + rng.integers(-35, 35, (2, 3, 75, 91))).astype(np.uint8)


def write(path, content):
    path.write_bytes(content)
    return path


def unfolded(weights):
    """VGG-M with the weights exactly as in the file: for Caffe's input, not for ours."""
    model = VGGM().eval()
    state = {}
    for name, (weight, bias) in weights.items():
        state[f"layers.{name}.weight"] = torch.from_numpy(weight)
        state[f"layers.{name}.bias"] = torch.from_numpy(bias)
    model.load_state_dict(state)
    return model


def as_caffe(images, mean_bgr):
    """RGB uint8 to the input of the publication: BGR, 0..255, minus the mean of each channel."""
    bgr = images[:, ::-1].astype(np.float32)
    return torch.from_numpy(bgr - np.array(mean_bgr, np.float32)[:, None, None])


def loaded(name, file):
    """An untrained backbone with the weights of an imported file."""
    model = BACKBONES[name]().eval()
    load_backbone(model, name, file)
    return model


def maps(model, x):
    """First convolution and pool5 of `model` for the input `x`."""
    with torch.no_grad():
        return model.layers.conv1(x), model(x)


def close(found, expected):
    pairs = zip(found, expected, strict=True)
    return all((f - e).abs().max() <= 1e-4 * e.abs().max() for f, e in pairs)


@pytest.mark.parametrize("old", [True, False], ids=["layers", "layer"])
@pytest.mark.parametrize("packed", [True, False], ids=["packed", "unpacked"])
def test_a_caffemodel_gives_caffe_s_activations_on_this_project_s_images(
    old, packed, weights, images, tmp_path
):
    content = caffemodels.caffemodel(weights, old, packed)
    file = write(tmp_path / "VGG_CNN_M_1024.caffemodel", content)
    report = import_weights(file, tmp_path / "out" / "vgg.safetensors")

    assert report.label == "VGG_CNN_M_1024" and report.backbone == "vgg-m"
    assert report.taken == CONVOLUTIONS and report.left == ("fc7",)
    assert report.sha256 == hashlib.sha256(content).hexdigest()
    assert describe(report.out) | {"input": ""} == {
        "backbone": "vgg-m",
        "label": "VGG_CNN_M_1024",
        "source": file.name,
        "input": "",
        "sha256": report.sha256,
        "trained_on": "BGR 0..255 minus (103.939, 116.779, 123.68)",
    }
    taken = load_file(report.out)
    for name in CONVOLUTIONS[1:]:  # only the first is changed
        np.testing.assert_array_equal(taken[f"layers.{name}.weight"], weights[name][0])
        np.testing.assert_array_equal(taken[f"layers.{name}.bias"], weights[name][1])

    expected = maps(unfolded(weights), as_caffe(images, (103.939, 116.779, 123.68)))
    model = loaded("vgg-m", report.out)
    assert close(maps(model, normalise(torch.from_numpy(images))), expected)
    assert not close(maps(model, normalise(torch.from_numpy(images[:, ::-1].copy()))), expected)


def test_the_folded_convolution_is_exact_at_every_border_pixel_because_it_has_no_padding(images):
    rng = np.random.default_rng(2)
    weight = torch.from_numpy(rng.normal(size=(4, 3, 7, 7)))
    bias = torch.from_numpy(rng.normal(size=4))
    mean = (103.939, 116.779, 123.68)
    folded = fold(weight, bias, mean)
    x = torch.from_numpy(images[:, ::-1] - np.array(mean)[:, None, None])
    rgb = torch.from_numpy(images / 255)
    n = (rgb - torch.tensor([0.485, 0.456, 0.406]).double()[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).double()[:, None, None]
    expected = torch.nn.functional.conv2d(x, weight, bias, stride=2)
    torch.testing.assert_close(
        torch.nn.functional.conv2d(n, *folded, stride=2), expected, rtol=1e-6, atol=1e-4
    )
    # With padding the same weights are wrong at the border: the reason for the docstring.
    padded = [
        torch.nn.functional.conv2d(i, *p, padding=3) for i, p in ((x, (weight, bias)), (n, folded))
    ]
    assert (padded[0] - padded[1])[..., 3:-3, 3:-3].abs().max() < 1e-3
    assert (padded[0] - padded[1]).abs().max() > 1


@pytest.mark.parametrize("modern", [True, False])
def test_the_vggm_state_dict_keeps_its_published_input(modern, weights, images, tmp_path, data):
    state = {}
    for index, name in zip((0, 4, 8, 10, 12), CONVOLUTIONS, strict=True):
        state[f"features.{index}.weight"] = torch.from_numpy(weights[name][0])
        state[f"features.{index}.bias"] = torch.from_numpy(weights[name][1])
    state["classif.0.weight"] = torch.zeros(2, 2)
    file = tmp_path / "vggm-786f2434.pth"
    torch.save(state, file, _use_new_zipfile_serialization=modern)

    report = import_weights(file)
    assert report.label == "VGG-M (4096)" and report.left == ("classif.0.weight",)
    assert report.out == data / "weights" / "vgg-m-4096.safetensors"
    assert "VGG-M (4096)" in str(report) and "786f2434" in str(report.notes)

    # Blue, the first channel, minus 123.68: the published mean is in RGB order.
    expected = maps(unfolded(weights), as_caffe(images, (123.68, 116.779, 103.939)))
    found = maps(loaded("vgg-m", report.out), normalise(torch.from_numpy(images)))
    assert close(found, expected)


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return resnet50(weights=None).state_dict()


@pytest.mark.parametrize("kind", ["pth", "pth without counters", "safetensors"])
def test_resnet_50_is_taken_as_it_is(kind, resnet, tmp_path):
    state = dict(resnet)
    if kind == "safetensors":
        save_file(state, file := tmp_path / "model.safetensors")
    else:
        if kind == "pth without counters":
            state = {k: v for k, v in state.items() if "num_batches" not in k}
        torch.save(state, file := tmp_path / "resnet50.pth")
    report = import_weights(file)
    assert set(report.left) == {"fc.weight", "fc.bias"}
    assert report.label == "ResNet-50 (other weights)"
    model = loaded("resnet-50", report.out)
    for name, parameter in model.layers.named_parameters():
        assert torch.equal(parameter, state[name]), name


def test_other_members_of_the_family_are_named(weights, tmp_path):
    file = write(tmp_path / "a.caffemodel", caffemodels.caffemodel(weights, fc7=2048))
    report = import_weights(file)
    assert report.label == "VGG-M (2048)" and report.out.name == "vgg-m-2048.safetensors"
    assert "VGG_CNN_M_1024" in report.notes[0]


def reshaped(weights):
    conv3 = np.zeros((384, 256, 3, 3), np.float32), np.zeros(384, np.float32)
    return caffemodels.caffemodel({**weights, "conv3": conv3})


def short_blob(weights):
    """conv2 lacks its last number, although its shape says otherwise."""
    conv2 = caffemodels.layer(
        "conv2",
        [(weights["conv2"][0].ravel()[:-1], (256, 96, 5, 5)), (weights["conv2"][1], (256,))],
        True,
        True,
        2,
        1,
    )
    others = {k: v for k, v in weights.items() if k != "conv2"}
    return caffemodels.caffemodel(others) + caffemodels.piece(2, conv2)


def not_finite(weights):
    bad = weights["conv4"][0].copy()
    bad[3, 2, 1, 0] = np.nan
    return caffemodels.caffemodel({**weights, "conv4": (bad, weights["conv4"][1])})


REFUSED = {
    "other shape": (reshaped, "conv3 is 384 x 256 x 3 x 3 and 384, expected 512 x 256 x 3 x 3"),
    "other stride": (
        lambda w: caffemodels.caffemodel(w, strides={"conv1": 2, "conv2": 1}),
        "conv2 has stride 1, expected 2",
    ),
    "layer missing": (
        lambda w: caffemodels.caffemodel({k: v for k, v in w.items() if k != "conv5"}),
        "conv5 is missing",
    ),
    "no bias": (
        lambda w: caffemodels.caffemodel(w | {"conv1": (w["conv1"][0], np.zeros(0))}),
        "conv1 is 96 x 3 x 7 x 7 and 0",
    ),
    "truncated": (lambda w: caffemodels.caffemodel(w)[:-5_000_000], "not a whole one"),
    "number missing": (short_blob, "614,400 numbers, but holds 614,399"),
    "not finite": (not_finite, "layers.conv4.weight holds numbers that are not finite"),
    "empty": (lambda w: b"", "is empty"),
    "web page": (lambda w: b"\n<!DOCTYPE html><html>404</html>", "web page"),
    "image": (lambda w: b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "no Caffe model"),
    "a net without weights": (
        lambda w: caffemodels.caffemodel({}, fc7=None),
        "no Caffe model with weights",
    ),
    "damaged zip": (lambda w: b"PK\x03\x04" + bytes(500), "PyTorch state dict"),
    "damaged pickle": (lambda w: b"\x80\x02" + bytes(500), "PyTorch state dict"),
    "damaged safetensors": (lambda w: (9**9).to_bytes(8, "little") + b'{"a', "safetensors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_clear_error(case, weights, tmp_path, data):
    build, said = REFUSED[case]
    file = write(tmp_path / "some.file", build(weights))
    with pytest.raises(DataError) as caught:
        import_weights(file)
    message = str(caught.value)
    assert said in message and message.startswith(str(file)) and "\n" not in message
    assert "Expected VGG_CNN_M_1024.caffemodel" in message
    assert not data.exists()  # nothing written, not even a folder


STATE_DICTS = {
    "ResNet-101": (
        lambda s: s | {"layer3.6.conv1.weight": torch.zeros(1)},
        "layers.layer3.6.conv1.weight is",
    ),
    "a wide ResNet": (
        lambda s: s | {"layer1.0.conv1.weight": torch.zeros(128, 64, 1, 1)},
        "layers.layer1.0.conv1.weight is 128 x 64 x 1 x 1, expected 64 x 64 x 1 x 1",
    ),
    "another network": (lambda s: {"blocks.0.weight": torch.zeros(1)}, "blocks.0.weight"),
    "a whole module": (lambda s: torch.nn.Linear(2, 2), "PyTorch state dict"),
    "a checkpoint": (lambda s: {"state_dict": s, "epoch": 3}, "no PyTorch state dict"),
}


@pytest.mark.parametrize("case", STATE_DICTS)
def test_other_state_dicts_are_refused(case, resnet, tmp_path):
    change, said = STATE_DICTS[case]
    torch.save(change(dict(resnet)), file := tmp_path / "some.pth")
    with pytest.raises(DataError) as caught:
        import_weights(file)
    assert said in str(caught.value) and str(file) in str(caught.value)


def test_an_interrupted_import_leaves_the_old_file_alone(weights, tmp_path, monkeypatch):
    file = write(tmp_path / "a.caffemodel", caffemodels.caffemodel(weights))
    out = import_weights(file).out
    before = out.read_bytes()

    def full_disk(state, path, metadata):
        path.write_bytes(b"half a file")
        raise OSError("no space left on device")

    monkeypatch.setattr("rnnha.models.pretrained.weights.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        import_weights(file)
    assert out.read_bytes() == before and list(out.parent.iterdir()) == [out]


def test_an_absent_file_and_an_unsuitable_target_are_named(tmp_path, weights):
    with pytest.raises(DataError, match="nowhere.caffemodel"):
        import_weights(tmp_path / "nowhere.caffemodel")
    file = write(tmp_path / "a.caffemodel", caffemodels.caffemodel(weights))
    with pytest.raises(DataError, match=r"a\.pth: weights are written as safetensors"):
        import_weights(file, tmp_path / "a.pth")


def test_loading_refuses_what_is_not_imported_for_this_backbone(tmp_path, weights):
    source = write(tmp_path / "a.caffemodel", caffemodels.caffemodel(weights))
    out = import_weights(source).out
    with pytest.raises(DataError, match=r"holds vgg-m \(VGG_CNN_M_1024\); expected resnet-50"):
        loaded("resnet-50", out)
    with pytest.raises(DataError, match="rnnha weights import .*a.caffemodel"):
        loaded("vgg-m", source)
    with pytest.raises(FileNotFoundError, match="rnnha weights import"):
        loaded("vgg-m", tmp_path / "absent.safetensors")
    with pytest.raises(ValueError, match="vgg-m, resnet-50"):
        load_backbone(torch.nn.Identity(), "vgg16", out)
    with pytest.raises(DataError, match="is imported already"):
        import_weights(out)


def test_weights_are_found_from_the_original_or_said_where_to_put(data, weights, monkeypatch):
    with pytest.raises(FileNotFoundError) as caught:
        find_weights("vgg-m")
    wanted = data / "weights" / "VGG_CNN_M_1024.caffemodel"
    assert str(wanted) in str(caught.value) and "http" in str(caught.value)

    wanted.parent.mkdir(parents=True)
    wanted.write_bytes(caffemodels.caffemodel(weights))
    found = find_weights("vgg-m")
    assert describe(found)["label"] == "VGG_CNN_M_1024"
    wanted.unlink()
    assert find_weights("vgg-m") == found  # imported once is enough

    def no_network(url, path, **_):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(FileNotFoundError) as caught:
        find_weights("resnet-50")
    message = str(caught.value)
    assert str(data / "weights" / "resnet50-0676ba61.pth") in message and "no route" in message


def test_resnet_50_comes_from_the_network_once(resnet, monkeypatch):
    asked = []

    def download(url, path, hash_prefix):
        asked.append((url.rpartition("/")[2], hash_prefix))
        torch.save(resnet, path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert find_weights("resnet-50") == find_weights("resnet-50")
    assert asked == [("resnet50-0676ba61.pth", "0676ba61")]


def test_the_released_reading_feeds_raw_colours_to_the_weights_as_the_file_has_them(
    weights, images, tmp_path
):
    """RGB in [0, 1], in place of BGR in 0..255 without its mean: what the authors' script ran."""
    file = write(tmp_path / "VGG_CNN_M_1024.caffemodel", caffemodels.caffemodel(weights))
    model = VGGM().eval()
    load_backbone(model, "vgg-m", import_weights(file).out, raw=True)
    raw = torch.from_numpy(images / np.float32(255))
    assert close(maps(model, raw), maps(unfolded(weights), raw))
