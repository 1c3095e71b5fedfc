from .values import ModelTensors as ModelTensors

__all__ = ["ModelTensors"]
