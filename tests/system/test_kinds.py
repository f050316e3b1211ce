"""Settings that packages and programs add kinds to."""

import sys
from typing import Annotated, Literal, Protocol

import pytest
from pydantic import ValidationError

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.system import kinds
from recsys.system.kinds import Kinds, own_classes, remember
from recsys.system.plugins import plugins
from tests.plugins import install

GROUP = "recsys.tests"


class Shape(Protocol):
    @property
    def kind(self) -> str: ...

    def area(self) -> float: ...


class Square(StrictConfig):
    kind: Literal["square"] = "square"
    side: float = 1.0

    def area(self) -> float:
        return self.side**2


class Circle(StrictConfig):
    kind: Literal["circle", "disc"] = "circle"

    def area(self) -> float:
        return 3.0


class Drawn(StrictConfig):
    """What a user's program or package has."""

    kind: Literal["drawn"] = "drawn"
    points: tuple[int, ...] = ()

    def area(self) -> float:
        return 0.0


class Another(Drawn):
    """Of the same kind as another class."""


class NoArea(StrictConfig):
    kind: Literal["no_area"] = "no_area"


class ASquareToo(Square):
    """Of the kind of one of the framework's own."""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(kinds, "_own", {})
    yield
    plugins.cache_clear()


def schema():
    shapes = Kinds("shape", GROUP, Shape, (Square, Circle))
    annotations = {"shape": Annotated[Shape, shapes] | None}
    picture = type("Picture", (StrictConfig,), {"__annotations__": annotations, "shape": None})
    short = Kinds("shape", GROUP, Shape, (Square, Circle), short=True)
    annotations = {"shapes": tuple[Annotated[Shape, short], ...]}
    return shapes, picture, type("Pictures", (StrictConfig,), {"__annotations__": annotations})


def test_a_section_is_of_the_class_that_its_kind_names():
    _, picture, _ = schema()
    assert picture.model_validate({"shape": {"kind": "disc"}}).shape == Circle(kind="disc")
    found = picture.model_validate({"shape": {"kind": "square", "side": 3}})
    assert found.shape.area() == 9
    assert found.model_dump() == {"shape": {"kind": "square", "side": 3.0}}
    assert picture.model_validate({"shape": None}).shape is None


def test_an_instance_is_a_setting_and_is_written_with_its_kind():
    shapes, picture, _ = schema()
    found = picture(shape=Drawn(points=(1, 2)))
    assert found.model_dump(exclude_unset=True) == {"shape": {"kind": "drawn", "points": (1, 2)}}
    # From now on a section is understood, too, as strictly as any other.
    assert picture.model_validate(found.model_dump()) == found
    again = validated(picture, {"shape": {"kind": "drawn", "points": [1, 2]}}, "here")
    assert again == found and shapes.names == ["square", "circle", "disc", "drawn"]
    with pytest.raises(InputError, match=r"shape\.point: unknown key; did you mean 'points'\?"):
        validated(picture, {"shape": {"kind": "drawn", "point": 1}}, "here")
    with pytest.raises(InputError, match=r"shape\.points\.0: .* received '1'"):
        validated(picture, {"shape": {"kind": "drawn", "points": ["1"]}}, "here")


def test_a_document_may_hold_an_instance():
    _, picture, _ = schema()
    assert validated(picture, {"shape": Drawn(points=(3,))}, "here").shape == Drawn(points=(3,))


def test_an_unknown_kind_is_told_the_nearest_or_how_to_add_it():
    _, picture, _ = schema()
    with pytest.raises(InputError, match=r"'sqare' is not one of 'square', 'circle', 'disc'; did"):
        validated(picture, {"shape": {"kind": "sqare"}}, "here")
    with pytest.raises(InputError, match=r"'x' is not one of .* entry point of recsys\.tests"):
        validated(picture, {"shape": {"kind": "x"}}, "here")
    with pytest.raises(InputError, match=r"shape\.kind: is needed, one of 'square', 'circle'"):
        validated(picture, {"shape": {"side": 1}}, "here")


def test_a_package_is_imported_when_its_kind_is_asked_for(monkeypatch, tmp_path):
    (tmp_path / "drawing.py").write_text("from tests.system.test_kinds import Drawn\n")
    monkeypatch.syspath_prepend(tmp_path)
    install(monkeypatch, GROUP, drawn="drawing:Drawn", absent="no.such:Class")
    shapes, picture, _ = schema()
    picture.model_validate({"shape": {"kind": "square"}})
    assert shapes.names == ["square", "circle", "disc", "absent", "drawn"]
    assert "drawing" not in sys.modules
    found = picture.model_validate({"shape": {"kind": "drawn"}})
    assert type(found.shape) is Drawn and "drawing" in sys.modules
    with pytest.raises(ValidationError, match=r"'absent' of .* cannot be imported"):
        picture.model_validate({"shape": {"kind": "absent"}})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("square", "ASquareToo", "adds 'square' to recsys.tests, which is the shape of that kind"),
        ("sketched", "Drawn", "whose `kind` is 'drawn': name the entry point so"),
        ("no_area", "NoArea", "expected the config class of some shape .* it lacks area"),
        ("schema", "schema", "expected the config class of some shape"),
    ],
)
def test_a_package_at_fault_is_refused_aloud(monkeypatch, name, value, said):
    install(monkeypatch, GROUP, **{name: f"tests.system.test_kinds:{value}"})
    _, picture, _ = schema()
    with pytest.raises(ValidationError, match=said):
        picture.model_validate({"shape": {"kind": name}})


def test_two_classes_of_one_kind_are_refused_but_for_a_cell_that_is_run_again(monkeypatch):
    _, picture, _ = schema()
    with pytest.raises(ValidationError, match=r"both the shape of kind 'square'"):
        picture(shape=ASquareToo())
    kinds._own.clear()
    picture(shape=Drawn())
    newer = type("Drawn", (Drawn,), {"__module__": __name__, "__qualname__": "Drawn"})
    assert type(picture(shape=newer()).shape) is newer
    assert type(picture.model_validate({"shape": {"kind": "drawn"}}).shape) is newer
    with pytest.raises(ValidationError, match=r"Drawn of .* and Another of .* are both"):
        picture(shape=Another())
    kinds._own.clear()
    install(monkeypatch, GROUP, drawn="tests.system.test_kinds:Drawn")
    with pytest.raises(ValidationError, match=r"are both the shape of kind 'drawn'"):
        picture(shape=Another())


def test_what_is_no_part_is_refused():
    _, picture, _ = schema()
    with pytest.raises(
        ValidationError, match=r"expected the config class of some shape .*it lacks area"
    ):
        picture(shape=NoArea())
    with pytest.raises(ValidationError, match="shape"):
        picture(shape=3)


def test_a_kind_alone_is_enough_where_that_is_meant():
    _, _, pictures = schema()
    found = pictures.model_validate({"shapes": ["disc", {"kind": "square", "side": 2.0}]})
    assert found.shapes == (Circle(kind="disc"), Square(side=2.0))
    assert found.model_dump()["shapes"] == ("disc", {"kind": "square", "side": 2.0})
    assert pictures.model_validate_json(found.model_dump_json(), strict=True) == found


def test_the_classes_that_a_document_needs():
    remember(Drawn)
    remember(NoArea)
    assert own_classes({"a": [{"kind": "drawn"}, {"kind": "square"}], "kind": None}) == [Drawn]
    assert own_classes({"kind": "circle"}) == []
