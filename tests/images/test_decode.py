"""The gate for pictures: each kind of file is uint8 RGB, or refused by a message that names it."""

import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

import tiny_sets
from rnnha.files import DataError
from rnnha.images.cache import Images
from rnnha.images.decode import MOST_PIXELS, pixels, read_image, read_mask, unreadable
from rnnha.paths import ROOT


def chunk(kind, content):
    length, total = (struct.pack(">I", n) for n in (len(content), zlib.crc32(kind + content)))
    return length + kind + content + total


def png(values, colour, depth=16, size=None, stream=None):
    """A PNG by the format's definition. values: [H, W, C]; colour: its colour type."""
    height, width = values.shape[:2]
    rows = values.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows) if stream is None else stream
    head = struct.pack(">IIBBBBB", *(size or (width, height)), depth, colour, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def encoded(picture, form, **options):
    content = io.BytesIO()
    picture.save(content, form, **options)
    return content.getvalue()


def noise(*shape, top=256):
    return np.random.default_rng(0).integers(0, top, shape)


def cloud():
    return Image.fromarray(noise(5, 6, 3).astype(np.uint8)).resize((40, 30))


# --- what comes out ---


def test_decoding_and_resizing_agree_with_pillow(tmp_path):
    # Noise: without antialias it would differ.
    Image.fromarray(noise(60, 90, 3).astype(np.uint8)).save(tmp_path / "a.png")
    ours = Images([tmp_path / "a.png"], 32)[0]
    assert ours.shape == (3, 32, 32) and ours.dtype == torch.uint8
    theirs = np.asarray(Image.open(tmp_path / "a.png").resize((32, 32), Image.Resampling.BILINEAR))
    assert np.abs(ours.permute(1, 2, 0).numpy().astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_become_rgb(tmp_path, mode):
    path = tmp_path / "a.jpg"
    path.write_bytes(tiny_sets.jpeg(size=(40, 40), mode=mode))
    theirs = np.asarray(Image.open(path).convert("RGB")).astype(int)
    ours = pixels(path).astype(int)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 2


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30, "subsampling": 0}])
def test_photographs_are_decoded_by_torchvision_to_the_byte(tmp_path, options):
    cloud().save(tmp_path / "a.jpg", **options)
    theirs = decode_image(str(tmp_path / "a.jpg"), mode=ImageReadMode.RGB)
    assert torch.equal(read_image(tmp_path / "a.jpg"), theirs)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_a_png_s_colours_are_what_it_holds(tmp_path, mode):
    picture = cloud()
    if mode in ("LA", "RGBA"):  # under alpha too, as torchvision decodes it
        picture.putalpha(Image.fromarray(noise(30, 40).astype(np.uint8)))
    picture = picture.convert(mode)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), picture.convert("RGB"))
    theirs = decode_image(str(tmp_path / "a.png"), mode=ImageReadMode.RGB)
    assert torch.equal(read_image(tmp_path / "a.png"), theirs)


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_become_the_nearest_eight(tmp_path, colour, channels):
    values = noise(64, 65, channels, top=2**16)
    values[0, :, 0] = np.arange(65) * 8  # 128 is nearer to 0 x 257, 136 to 1 x 257
    (tmp_path / "a.png").write_bytes(png(values, colour))
    seen = values[..., :3] if channels > 2 else values[..., :1]
    expected = np.rint(seen / 257).astype(np.uint8)
    np.testing.assert_array_equal(
        pixels(tmp_path / "a.png"), np.broadcast_to(expected, (64, 65, 3))
    )


@pytest.mark.parametrize("form", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_held_sideways_is_turned(tmp_path, form, orientation):
    corners = np.zeros((16, 24), np.uint8)
    corners[:8, :12], corners[:8, 12:], corners[8:, :12] = 250, 170, 90
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corners).convert("RGB").save(tmp_path / f"a.{form}", exif=exif)
    # EXIF's table: where the picture's first row and first column lie when it is seen upright.
    turned = {
        1: corners,
        2: corners[:, ::-1],
        3: corners[::-1, ::-1],
        4: corners[::-1],
        5: corners.T,
        6: np.rot90(corners, -1),
        7: corners[::-1, ::-1].T,
        8: np.rot90(corners),
    }[orientation]
    found = pixels(tmp_path / f"a.{form}")[..., 0].astype(int)
    assert found.shape == turned.shape
    assert np.abs(found - turned).mean() < 10


def test_broken_exif_turns_nothing(tmp_path):
    cloud().save(tmp_path / "a.png", exif=b"Exif\0\0no such thing")
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), cloud())


@pytest.mark.parametrize("form", ["gif", "webp", "png"])
def test_of_moving_pictures_the_first_is_read(tmp_path, form):
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue", "lime")]
    frames[0].save(tmp_path / f"a.{form}", save_all=True, append_images=frames[1:])
    found = pixels(tmp_path / f"a.{form}").astype(int)
    assert found.shape == (7, 9, 3)
    assert np.abs(found - (255, 0, 0)).max() <= 3


def test_the_bytes_say_what_an_image_is_and_not_its_name(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(cloud(), "PNG"))
    np.testing.assert_array_equal(pixels(tmp_path / "a.jpg"), cloud())


def test_masks_are_true_where_they_are_not_black(tmp_path):
    values = noise(9, 8, 1, top=3) * noise(9, 8, 1, top=300)
    for depth in (8, 16):
        inside = values % (2**depth)
        (tmp_path / "m.png").write_bytes(png(inside, 0, depth))
        np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), inside[..., 0] > 0)


# --- what is refused ---


@pytest.mark.parametrize("content", [b"", b"no image", tiny_sets.jpeg(size=(64, 64))[:900]])
def test_unreadable_images_are_reported_by_name(paths, content):
    paths[4].write_bytes(content)
    with pytest.raises(DataError, match=r"4\.jpg: unreadable"):
        Images(paths, 16)[4]
    assert [message.split(":")[0] for message in unreadable(paths)] == [str(paths[4])]


def huge(width, height):
    return png(np.zeros((1, 1, 3)), 2, depth=8, size=(width, height), stream=b"\0" * 100)


FULL = png(noise(8, 8, 3), 2, depth=8)
REFUSED = {
    "another format": (encoded(cloud(), "TIFF"), "another format; a JPEG, PNG, GIF or WebP"),
    "empty": (b"", "an empty file"),
    "50,000 x 50,000": (huge(50_000, 50_000), "50000 x 50000 pixels; 1 to 89,478,485"),
    "one pixel too many": (huge(MOST_PIXELS + 1, 1), "pixels"),
    "wrong sum": (FULL[:60] + bytes([FULL[60] ^ 1]) + FULL[61:], "IDAT"),
    "too few rows": (
        png(np.zeros((8, 8, 3)), 2, depth=8, stream=b"\0" * 75),
        "75 bytes of pixels of 200",
    ),
    "no end": (FULL[:-12], "."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_damaged_and_foreign_files_are_refused_by_name(tmp_path, what):
    content, reason = REFUSED[what]
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_image, read_mask):
        with pytest.raises(DataError, match=rf"a\.png: unreadable image \(.*{reason}"):
            read(tmp_path / "a.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", tmp_path):
        with pytest.raises(DataError, match="a regular file is wanted"):
            read_image(path)
    with pytest.raises(DataError, match=r"pipe\.jpg: .*a regular file is wanted"):
        Images([tmp_path / "pipe.jpg"], 16, tmp_path / "c.npy")


@pytest.mark.skipif(os.sep == "\\", reason="here backslashes are right")
def test_a_path_with_backslashes_is_told_so(tmp_path):
    with pytest.raises(DataError, match=r"No such file.*written with backslashes"):
        read_image(f"{tmp_path}\\a.jpg")
    with pytest.raises(DataError) as error:
        read_image(tmp_path / "a.jpg")
    assert "written with backslashes" not in str(error.value)


DAMAGE = """
import random, sys
from rnnha.files import DataError
from rnnha.images.decode import read_image
chance, ends = random.Random(0), set()
for file in sys.argv[1:]:
    whole = open(file, "rb").read()
    for k in range(200):
        part = bytearray(whole)
        for _ in range(1 + k % 4):
            part[chance.randrange(len(part))] = chance.randrange(256)
        if k % 3 == 0:
            del part[chance.randrange(len(part)):]
        open("damaged", "wb").write(part)
        try:
            image = read_image("damaged")
            assert image.ndim == 3 and image.shape[0] == 3
        except DataError as error:
            assert str(error).startswith("damaged: unreadable image (")
            ends.add(file)
print(len(ends))
"""


def test_no_damaged_file_ends_the_process(tmp_path):
    files = {
        "a.png": FULL,
        "b.png": encoded(cloud(), "PNG"),
        "c.png": png(noise(8, 8, 4, top=2**16), 6),
        "d.png": encoded(cloud().convert("P"), "PNG"),
        "e.jpg": encoded(cloud(), "JPEG"),
        "f.jpg": encoded(cloud(), "JPEG", progressive=True),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DAMAGE, *files],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (0, "6\n"), ended.stderr[-2000:]
