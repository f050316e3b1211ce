"""What an export to ONNX is asked for."""

from pathlib import Path

from pydantic import Field

from recsys.config import Seen, StrictConfig
from recsys.data.manifest import Part
from recsys.evaluation.rerank_config import RerankConfig

FORMAT = 1
MANIFEST = "manifest.json"
# What tells the folder of such an export from others.
MARK = "embed_query.onnx"
LIBRARIES = ("onnx", "onnxruntime", "tf2onnx")


class OnnxRequest(StrictConfig):
    """Everything that the exporting process needs to know. It travels as JSON."""

    retriever: Path = Field(description="the trained model, a native Keras 3 file (.keras)")
    dataset: Path = Field(description="folder of the prepared dataset")
    catalogue: Path | None = Field(
        None, description="folder of a newer catalogue of its items; None: those of the dataset"
    )
    model: Path = Field(description="folder of the SavedModel that the graphs must answer as")
    version: str = Field(description="of that model")
    destination: Path = Field(description="the folder to write; one that is there is replaced")
    k: int = Field(description="items that the SavedModel returns for a query")
    seen: Seen = Field(description="whether it recommends the ids of a history again")
    catalogue_items: int = Field(description="items that it knows")
    rerank: RerankConfig | None = Field(None, description="how it puts items in another order")
    fitted_part: Part = Field(description="last part of the log the model was fitted on")
    probes: int = Field(description="histories that are compared")
    tolerance: float = Field(description="largest accepted difference, relative to its scale")
