"""A trained model as ONNX, and what else a program without torch needs of it."""
