"""Opening a model by tier: what a tier gives, and nothing else."""
