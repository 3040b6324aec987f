"""ONNX models: fetch and check the weights, run them, prepare inputs and decode outputs."""
