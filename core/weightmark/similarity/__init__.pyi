from .comparing import Side as Side
from .comparing import compare_tensors as compare_tensors
from .comparison import Comparison as Comparison
from .comparison import Parent as Parent
from .comparison import Verdict as Verdict
from .difference import ModelDifference as ModelDifference
from .difference import diff_models as diff_models
from .forensics import Forensics as Forensics
from .forensics import examine as examine
from .merging import Explanation as Explanation
from .merging import Merge as Merge
from .pairing import Pair as Pair
from .pairing import Transform as Transform
from .pairing import lay as lay
from .products import Family as Family
from .sketch import Agreement as Agreement
from .sketch import Sketch as Sketch
from .sketch import agree as agree
from .sketch import make_sketch as make_sketch
from .values import ModelTensors as ModelTensors

__all__ = [
    "Agreement",
    "Comparison",
    "Explanation",
    "Family",
    "Forensics",
    "Merge",
    "ModelDifference",
    "ModelTensors",
    "Pair",
    "Parent",
    "Side",
    "Sketch",
    "Transform",
    "Verdict",
    "agree",
    "compare_tensors",
    "diff_models",
    "examine",
    "lay",
    "make_sketch",
]
