import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.serving.pictures import is_address, read_pictures

EXPERIMENT = {"data": {"items": {"key": "sku"}, "log": {"columns": {"item": "product"}}}}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("product,image\n1,x\n", r"no column 'sku' \(the ids\); it has: product, image"),
        ("sku,photo\n1,x\n", r"no column 'image' \(--picture\)"),
        ("sku,image\n1,javascript:alert(1)\n2,\n", "no row of 'image' is an address"),
        ("\x00", "cannot be read|no column"),
    ],
)
def test_tables_without_pictures(rows, said, tmp_path):
    (tmp_path / "items.csv").write_text(rows)
    with pytest.raises(InputError, match=said):
        read_pictures(tmp_path / "items.csv", "image", EXPERIMENT)
    with pytest.raises(InputError, match="no such file"):
        read_pictures(tmp_path / "nothing.csv", "image", EXPERIMENT)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_addresses_by_id_as_in_the_log(ending, tmp_path):
    frame = pd.DataFrame(
        {"sku": [17850, 2, 3, 4], "image": ["https://a.org/ü.jpg", None, "ftp://a/b", "http://b/c"]}
    )
    file = tmp_path / f"items.{ending}"
    frame.to_parquet(file) if ending == "parquet" else frame.to_csv(file, index=False)
    wanted = {"17850": "https://a.org/ü.jpg", "4": "http://b/c"}
    assert read_pictures(file, "image", EXPERIMENT) == wanted
    log_only = {"data": {"log": {"columns": {"item": "sku"}}}}
    assert read_pictures(file, "image", log_only) == wanted


@pytest.mark.parametrize("text", ["", "data:text/html,x", "//a/b", "https://", "http://[", "a.jpg"])
def test_what_is_no_address(text):
    assert not is_address(text)
