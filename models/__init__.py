"""ONNX models: where the weights come from, how they are run, what goes in and what comes out."""
