"""Where sagemaker calls us."""
