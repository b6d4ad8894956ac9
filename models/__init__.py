"""Networks: tensors in, tensors out. Knows no path, prints nothing and chooses no device."""
