"""Networks as ONNX graphs: how they are written, and the command that exports them."""
