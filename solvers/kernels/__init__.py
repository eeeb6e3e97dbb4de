"""Fast closed-form and combinatorial kernels, named after what they compute."""
