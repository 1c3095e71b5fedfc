from .sketch import Agreement as Agreement
from .sketch import Sketch as Sketch
from .sketch import agree as agree
from .sketch import make_sketch as make_sketch
from .values import ModelTensors as ModelTensors

__all__ = ["Agreement", "ModelTensors", "Sketch", "agree", "make_sketch"]
