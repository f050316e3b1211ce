"""An exported model for other runtimes: the graphs of its signatures in ONNX."""
