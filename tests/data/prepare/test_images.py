"""Pictures of items: from files to a dataset's array."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.images import ImageReader
from recsys.errors import InputError
from tests.data.conftest import COLUMNS, SMALL_LOG

# The catalogue of SMALL_LOG, most frequent in training first.
ITEMS = ["x", "z", "y", "w"]
RED, BLACK = (200, 30, 10), (0, 0, 0)


@pytest.fixture
def paint(tmp_path):
    def save(name, colour, size=(6, 6), mode="RGB", **options):
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path, **options)
        return path

    return save


@pytest.fixture
def with_pictures(write, prepared):
    def prepare_with(rows, **feature):
        table = "id,photo\n" + "".join(f"{item},{path}\n" for item, path in rows.items())
        items = {"path": str(write("shop/items.csv", table)), "key": "id"}
        items["features"] = {"photo": {"kind": "image", "size": 4, **feature}}
        return prepared(write("log.csv", SMALL_LOG), items=items)

    return prepare_with


def notes(dataset):
    return dataset.manifest.quality["notes"]


def test_pictures_become_pixels_of_one_size(with_pictures, paint):
    paint("red.png", RED)
    paint("wide/black.jpg", BLACK, size=(30, 8))
    elsewhere = paint("../other/grey.png", 90, mode="L")
    dataset = with_pictures({"x": "red.png", "y": "wide/black.jpg", "only": elsewhere.resolve()})
    pixels = dataset.feature("item", "photo")
    assert isinstance(pixels, np.memmap)
    assert pixels.dtype == np.uint8 and pixels.shape == (5, 4, 4, 3)
    assert [pixels[item].reshape(-1, 3).tolist() for item in range(5)] == [
        [list(RED)] * 16,
        [[0, 0, 0]] * 16,  # z is not in the table
        [[1, 1, 1]] * 16,  # black is not missing
        [[0, 0, 0]] * 16,
        [[90, 90, 90]] * 16,
    ]
    (feature,) = dataset.manifest.item_features
    assert (feature.kind, feature.width, feature.channels) == ("image", 4, 3)
    assert "items without a picture (photo): 2" in notes(dataset)


def test_grey(with_pictures, paint):
    paint("red.png", RED)
    paint("deep.png", 40_000, mode="I;16")
    dataset = with_pictures({"x": "red.png", "z": "deep.png"}, channels=1)
    pixels = dataset.feature("item", "photo")
    assert pixels.shape == (4, 4, 4, 1)
    # The weights of ITU-R 601-2; and the upper 8 of 16 bits.
    assert np.unique(pixels[0]) == round(0.299 * 200 + 0.587 * 30 + 0.114 * 10)
    assert np.unique(pixels[1]) == 40_000 >> 8


def test_what_is_transparent_is_white_and_photos_stand_upright(paint, tmp_path):
    paint("clear.png", (0, 0, 0, 0), mode="RGBA")
    reader = ImageReader(tmp_path / "shop", size=2, channels=3)
    assert (reader.read("clear.png") == 255).all()
    photo = Image.new("RGB", (2, 2), BLACK)
    photo.paste((255, 255, 255), (0, 0, 2, 1))  # white above black
    turned = photo.getexif()
    turned[0x0112] = 3  # the camera was held upside down
    photo.save(tmp_path / "shop" / "turned.png", exif=turned)
    assert reader.read("turned.png")[:, :, 0].tolist() == [[1, 1], [255, 255]]


def test_pictures_that_cannot_be_read_are_missing_and_named(with_pictures, paint, write):
    paint("good.png", RED)
    write("shop/torn.png", (paint("torn.png", RED, size=(99, 99)).read_bytes())[:60])
    write("shop/text.jpg", "no picture")
    dataset = with_pictures({"x": "good.png", "y": "torn.png", "z": "text.jpg", "w": "gone.png"})
    pixels = dataset.feature("item", "photo")
    assert pixels[0].any() and not pixels[1:].any()
    (note,) = notes(dataset)
    assert "that cannot be read: 3 of 4" in note
    assert all(name in note for name in ("torn.png", "text.jpg", "gone.png' (No such file"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"x": "gone.png", "y": "away.png"}, r"none of 2 can be read.*'gone\.png' \(No such file"),
        ({"x": "", "y": ""}, "no row names one"),
    ],
)
def test_no_picture_at_all_is_refused(with_pictures, tmp_path, rows, message):
    with pytest.raises(InputError, match=message + ".*relative to"):
        with_pictures(rows)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_picture_that_changes_is_another_dataset(with_pictures, paint):
    rows = {"x": "one.png", "y": "two.png"}
    paint("one.png", RED)
    first = with_pictures(rows)
    assert with_pictures(rows).path == first.path
    paint("two.png", RED)
    second = with_pictures(rows)
    assert second.feature("item", "photo")[ITEMS.index("y")].any()
    paint("two.png", BLACK)
    assert len({first.path, second.path, with_pictures(rows).path}) == 3


def test_users_have_no_pictures():
    users = {"path": "users.csv", "key": "id", "features": {"face": "image"}}
    log = {"path": "log.csv", "columns": COLUMNS}
    with pytest.raises(ValidationError, match="'face' is an image, and only items have pictures"):
        DataConfig.model_validate({"log": log, "users": users})


@pytest.mark.parametrize("settings", [{"size": 0}, {"channels": 4}, {"width": 32}])
def test_settings_that_make_no_sense(settings, with_pictures):
    with pytest.raises(ValidationError):
        with_pictures({"x": "a.png"}, **settings)
