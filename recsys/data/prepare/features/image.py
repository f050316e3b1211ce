"""A picture: uint8 [n, size, size, channels], 1 (black) to 255; 0 everywhere = missing."""

from typing import ClassVar, Literal

from pydantic import Field

from recsys.data.feature import Feature, Side
from recsys.data.prepare.features.feature import BaseFeatureConfig, FeatureColumn
from recsys.data.prepare.images import ImageReader, local, write_images
from recsys.errors import InputError

EXAMPLES = 5


class ImageFeature(BaseFeatureConfig):
    """A picture file, named by its path: absolute, or relative to the folder of the table."""

    names_files: ClassVar[bool] = True

    kind: Literal["image"]
    size: int = Field(32, ge=4, le=512, description="side, in pixels, to which pictures are scaled")
    channels: Literal[1, 3] = Field(3, description="1 = grey, 3 = colours")

    def check(self, name: str, side: Side) -> None:
        """Only items have pictures."""
        super().check(name, side)
        if side == "user":
            raise ValueError(
                f"the feature {name!r} is an image, and only items have pictures: a "
                "caller of the exported model would have to send the user's. Make a vector of "
                "it first."
            )

    def encode(self, column: FeatureColumn) -> tuple[Feature, list[str]]:
        value = column.values.value.cast("string")
        table = column.values.select("index", path=value).to_pyarrow()
        paths: list[str | None] = [None] * column.size
        for index, path in zip(table["index"].to_pylist(), table["path"].to_pylist(), strict=True):
            paths[index] = path
        reader = ImageReader(local(column.home), self.size, self.channels)
        wrong = write_images(paths, reader, column.file)
        shown = ", ".join(wrong[:EXAMPLES])
        if len(wrong) == len(table):
            found = f"none of {len(wrong):,} can be read: {shown}" if wrong else "no row names one"
            raise InputError(
                f"the {column.what} holds pictures, but {found}. Its column must hold paths of "
                f"picture files, absolute or relative to {reader.folder}."
            )
        notes = []
        if unnamed := column.size - len(table):
            notes.append(f"{column.side}s without a picture ({column.name}): {unnamed}")
        if wrong:
            what = f"pictures ({column.name}) that cannot be read"
            notes.append(f"{what}: {len(wrong):,} of {len(table):,}, such as {shown}")
        feature = Feature(name=column.name, kind=self.kind, width=self.size, channels=self.channels)
        return feature, notes
