"""An exported model of a run as graphs of ONNX."""

from pathlib import Path

from recsys.evaluation.rerank_config import RerankConfig
from recsys.experiment.schema import Experiment
from recsys.export.export import in_subprocess, require_retrieval_layers
from recsys.export.onnx.request import LIBRARIES, MARK, OnnxRequest
from recsys.export.recommend import Recommender
from recsys.pipeline import fitted_part
from recsys.runs.console import say, working
from recsys.runs.folder import RunFolder
from recsys.system.extras import require
from recsys.system.files import refuse_other

PROGRAM = "recsys.export.onnx.process"


def export_onnx(
    run: RunFolder, experiment: Experiment, model: Recommender, folder: Path | None
) -> Path:
    """Writes and publishes the graphs; see :meth:`recsys.api.run.Run.onnx`.

    Args:
        run: whose model it is.
        experiment: of the run.
        model: the SavedModel.
        folder: to write; None: that of the model's version in the run.
    """
    for library in LIBRARIES:
        require(library, extra="onnx", what="recsys onnx")
    require_retrieval_layers()
    version, described = model.manifest["version"], model.manifest["model"]
    folder = run.onnx / version if folder is None else folder
    refuse_other(folder, MARK, "an export to ONNX")
    refreshed, rerank = model.manifest["refresh"] is not None, model.manifest["rerank"]
    request = OnnxRequest(
        retriever=run.files.checked(run.retriever),
        dataset=run.dataset_of(model.manifest).path,
        catalogue=run.catalogues / version if refreshed else None,
        model=model.folder,
        version=version,
        destination=folder,
        k=described["k"],
        seen=described["seen"],
        catalogue_items=described["catalogue_items"],
        rerank=RerankConfig.model_validate(rerank["settings"]) if rerank is not None else None,
        fitted_part=fitted_part(experiment),
        probes=experiment.export.probes,
        tolerance=experiment.export.tolerance,
    )
    with working("exporting to ONNX"):
        manifest = in_subprocess(PROGRAM, request, run.model, request.retriever)
    parity = manifest["parity"]
    say(
        f"{', '.join(manifest['signatures'])}: answers of {parity['probes']} probes within "
        f"{parity['largest_relative_difference']:.2g} of the SavedModel's, by ONNX Runtime"
    )
    return folder
