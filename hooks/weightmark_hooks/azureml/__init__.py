"""Where azureml calls us."""
