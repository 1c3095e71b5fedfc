"""Where wandb calls us."""
