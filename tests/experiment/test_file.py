"""An experiment file and what is given beside it."""

import pytest

from recsys.errors import InputError
from recsys.experiment.file import read_document


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ("training.epochs=1", r"received the text .*write \['training.epochs=1'\]"),
        ({1: 2}, "expected keys such as 'training.epochs', received 1"),
        (["training.epochs"], "expected dotted.key=value, received 'training.epochs'"),
    ],
)
def test_overrides_that_cannot_be_meant(tmp_path, overrides, said):
    file = tmp_path / "experiment.yaml"
    file.write_text("training: {epochs: 2}\n")
    assert read_document(file, {"training.epochs": 3})["training"]["epochs"] == 3
    with pytest.raises(InputError, match=said):
        read_document(file, overrides)
