"""From a function of TensorFlow to a graph of ONNX."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper
from tf2onnx import tf_loader
from tf2onnx.handler import tf_op
from tf2onnx.optimizer import IdentityOptimizer, optimize_graph
from tf2onnx.tfonnx import process_tf_graph

from recsys.errors import InputError
from recsys.export.inputs import ITEM_ID
from recsys.export.onnx.graphs import Graph, OnnxGraphs, Step, Texts

OPSET, TEXT_OPSET = 18, 2
TEXT_DOMAIN = "ai.onnx.ml"


@tf_op("Erfc")
class _Erfc:
    """``1 - erf(x)``."""

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        shapes, dtypes, (given,) = node.output_shapes, node.output_dtypes, node.input
        one = ctx.make_const(node.name + "_one", np.float32(1)).output[0]
        outputs, erf = node.output, node.name + "_erf"
        ctx.remove_node(node.name)
        ctx.make_node("Erf", [given], outputs=[erf], shapes=shapes, dtypes=dtypes)
        ctx.make_node("Sub", [one, erf], outputs=outputs, shapes=shapes, dtypes=dtypes)


@tf_op("Bucketize")
class _Bucketize:
    """How many of the boundaries a number has reached."""

    @classmethod
    def version_13(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        shapes, dtypes, (given,) = node.output_shapes, node.output_dtypes, node.input
        boundaries = np.asarray(node.get_attr_value("boundaries"), np.float32)
        constant = ctx.make_const(node.name + "_boundaries", boundaries).output[0]
        last = ctx.make_const(node.name + "_last", np.array([-1], np.int64)).output[0]
        outputs = node.output
        ctx.remove_node(node.name)
        as_float = ctx.make_node("Cast", [given], attr={"to": TensorProto.FLOAT}).output[0]
        one_more = ctx.make_node("Unsqueeze", [as_float, last]).output[0]
        reached = ctx.make_node("GreaterOrEqual", [one_more, constant]).output[0]
        numbers = ctx.make_node("Cast", [reached], attr={"to": TensorProto.INT32}).output[0]
        ctx.make_node(
            "ReduceSum",
            [numbers, last],
            attr={"keepdims": 0},
            outputs=outputs,
            shapes=shapes,
            dtypes=dtypes,
        )


@tf_op("SelectV2", onnx_op="Where")
class _SelectV2:
    """A choice; tf2onnx's own is a sum of products, in which what is not chosen may be NaN."""

    @classmethod
    def version_16(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        pass


class Converter:
    """Makes graphs of ONNX, which take and give texts where the functions have numbers of them.

    Args:
        item_ids: the items that an output ``item_id`` has the numbers of.
        vectors: name of the file beside the graphs that holds the vectors of the items.
    """

    def __init__(self, item_ids: Sequence[str], vectors: str) -> None:
        self._item_ids, self._vectors = item_ids, vectors
        # A tower is converted once, for all graphs that begin with it.
        self._converted: dict[Step, tuple[onnx.GraphProto, dict[str, Any]]] = {}

    def convert(self, name: str, graph: Graph) -> onnx.ModelProto:
        """A graph of ONNX.

        Args:
            name: its own.
            graph: what it computes.

        Raises:
            InputError: an operation has no counterpart in ONNX.
        """
        inputs, nodes, constants = [], [], []
        specs = {each: given.spec for each, given in graph.inputs.items()}
        names = {}
        for each, given in graph.inputs.items():
            names[each] = each if given.texts is None else _number(each)
            if each == OnnxGraphs.VECTORS:
                continue
            inputs.append(_described(each, given.spec, is_text=given.texts is not None))
            if given.texts is not None:
                nodes.append(_looked_up(each, given.texts))
        for step in graph.steps:
            if step not in self._converted:
                self._converted[step] = _converted(step, specs, names)
            part, found = self._converted[step]
            specs, names = {**specs, **found}, {**names, **{each: each for each in found}}
            nodes += part.node
            constants += part.initializer
        if any(OnnxGraphs.VECTORS in node.input for node in nodes):
            spec = specs[OnnxGraphs.VECTORS]
            constants.append(_in_file(OnnxGraphs.VECTORS, spec, self._vectors))
        outputs = []
        for each, spec in found.items():
            outputs.append(_described(each, spec, is_text=each == ITEM_ID))
            if each == ITEM_ID:
                texts = [text.encode() for text in [*self._item_ids, ""]]
                ids = helper.make_tensor("item_ids", TensorProto.STRING, [len(texts)], texts)
                constants.append(ids)
                nodes.append(helper.make_node("Gather", [ids.name, _number(each)], [each]))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TEXT_DOMAIN, TEXT_OPSET)]
        return helper.make_model_gen_version(
            helper.make_graph(nodes, name, inputs, outputs, constants), opset_imports=opsets
        )


def _number(name: str) -> str:
    """What holds the numbers of texts; no name of TensorFlow is like it."""
    return f"number of {name}"


def _converted(
    step: Step, specs: Mapping[str, Any], names: Mapping[str, str]
) -> tuple[onnx.GraphProto, dict[str, Any]]:
    """A function as a graph of numbers, and what it gives.

    Args:
        step: the function.
        specs: of the tensors that there are.
        names: theirs in the graph.
    """
    named = {each: tf.TensorSpec(specs[each].shape, specs[each].dtype, each) for each in step.reads}
    function = tf.function(lambda **inputs: step.function(inputs), autograph=False)
    traced = function.get_concrete_function(**named)
    found = traced.structured_outputs
    given = [tensor.name for tensor in traced.outputs]
    frozen = tf_loader.from_function(traced, [f"{each}:0" for each in step.reads], given)
    # What a model does not read is not there any more.
    left = {node.name for node in frozen.node}
    read = [each for each in step.reads if each in left]
    # Before the name of each node, so that nodes of other steps have other names.
    scope = step.function.__name__.strip("_")
    renamed = {f"{scope}/{each}:0": names[each] for each in read}
    for each, tensor in zip(sorted(found), given, strict=True):
        renamed[f"{scope}/{tensor}"] = _number(each) if each == ITEM_ID else each
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name=scope)
        try:
            converted = process_tf_graph(
                graph,
                opset=OPSET,
                input_names=[f"{scope}/{each}:0" for each in read],
                output_names=[f"{scope}/{each}" for each in given],
                tensors_to_rename=renamed,
            )
        except Exception as error:  # of as many kinds as there are handlers of operations
            raise _cannot(step, f"tf2onnx says: {error}") from error
    # Of the passes of tf2onnx the one that removes nodes which are none of ONNX. Runtimes do what
    # the others do as they load a graph, and one of these (remove_back_to_back, in 1.17) makes
    # another computation of attention.
    passes = {"remove_identity": IdentityOptimizer}
    converted = optimize_graph(converted, catch_errors=False, optimizers=passes)
    part = converted.make_graph(scope)
    for node in _nodes(part):
        if not onnx.defs.has(node.op_type, node.domain):
            raise _cannot(step, f"{node.op_type} ({node.name})")
    return part, found


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those of loops and branches too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from _nodes(attribute.g)


def _cannot(step: Step, what: str) -> InputError:
    return InputError(
        f"this model cannot be exported to ONNX, as there is no counterpart of an operation of "
        f"{step.function.__name__.strip('_')}: {what}. Serve the SavedModel, or write the part of "
        "the model that the name says with other operations of keras.ops"
    )


def _looked_up(name: str, texts: Texts) -> onnx.NodeProto:
    return helper.make_node(
        "LabelEncoder",
        [name],
        [_number(name)],
        domain=TEXT_DOMAIN,
        keys_strings=list(texts.keys),
        values_int64s=list(texts.numbers),
        default_int64=texts.missing,
    )


def _described(name: str, spec: Any, is_text: bool) -> onnx.ValueInfoProto:
    """An input or output of a graph."""
    numbers = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype.as_numpy_dtype))
    _, *others = spec.shape.as_list()
    return helper.make_tensor_value_info(
        name, TensorProto.STRING if is_text else numbers, ["batch", *others]
    )


def _in_file(name: str, spec: tf.TensorSpec, file: str) -> TensorProto:
    """A constant whose values a file holds, from its first byte on."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=spec.shape.as_list())
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=file)
    return tensor
