"""Where kubeflow calls us."""
