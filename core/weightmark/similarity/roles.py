"""What each tensor does in its network, and along which axes its units may be shuffled.

An axis is *residual* (the stream that all layers share), *units* (the hidden units of one feed-forward
block), *inner* (the numbers inside attention heads), or *fixed*: its places mean something by themselves,
such as tokens, positions, classes or colours, and two strangers agree on them. Fixed axes are never
shuffled.

Not promised: roles for every architecture. What is not known by name is judged by shapes alone.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weightmark.encoding import Json
from weightmark.similarity.sampling import matrix_shape

RESIDUAL: Final = "residual"
UNITS: Final = "units"
INNER: Final = "inner"
FIXED: Final = "fixed"
HIDDEN: Final = "hidden"

_NUMBER: Final = re.compile(r"(?<=[._/])\d+(?=[._/]|$)")
_EXPERT: Final = re.compile(r"experts[._/](\d+)")
_RECURRENT: Final = re.compile(r"(.*[._/])?(weight_(ih|hh)(_l\d+(_reverse)?)?|(recurrent_)?kernel(:0)?)")
_TAIL: Final = re.compile(r"[._/](weight|kernel|w|qweight|bias|b)(:0)?$")

# slot, what names of it end in, what stands at rows and at columns of a Linear stored out x in
_SLOTS: Final[Sequence[tuple[str, str, str, str]]] = (
    ("qkv", r"(qkv(_proj)?|c_attn|query_key_value|wqkv|in_proj(_weight)?|attn_qkv)", INNER, RESIDUAL),
    (
        "q",
        r"(self_attn|attn|attention|self|selfattention)[._/](q_proj|query|q|wq|q_lin|to_q)|wq|attn_q|q_proj",
        INNER,
        RESIDUAL,
    ),
    (
        "k",
        r"(self_attn|attn|attention|self|selfattention)[._/](k_proj|key|k|wk|k_lin|to_k)|wk|attn_k|k_proj",
        INNER,
        RESIDUAL,
    ),
    (
        "v",
        r"(self_attn|attn|attention|self|selfattention)[._/](v_proj|value|v|wv|v_lin|to_v)|wv|attn_v|v_proj",
        INNER,
        RESIDUAL,
    ),
    (
        "o",
        (
            r"(self_attn|attn|attention|self|selfattention)[._/](o_proj|out_proj|o|wo|out_lin|c_proj|dense|proj)"
            r"|attention[._/]output[._/]dense|attn_output|o_proj|attention[._/]wo"
        ),
        RESIDUAL,
        INNER,
    ),
    ("gateup", r"gate_up_proj", UNITS, RESIDUAL),
    (
        "gate",
        r"gate_proj|ffn_gate|(feed_forward|mlp|densereludense)[._/](w1|wi_0)|experts[._/]\d+[._/]w1",
        UNITS,
        RESIDUAL,
    ),
    (
        "up",
        (
            r"up_proj|ffn_up|(feed_forward|mlp|densereludense)[._/](w3|wi_1)|experts[._/]\d+[._/]w3"
            r"|intermediate[._/]dense|fc1|c_fc|dense_h_to_4h|densereludense[._/]wi|lin1|linear1"
        ),
        UNITS,
        RESIDUAL,
    ),
    (
        "down",
        (
            r"down_proj|ffn_down|(feed_forward|mlp)[._/](w2|c_proj)|experts[._/]\d+[._/]w2|output[._/]dense|fc2"
            r"|dense_4h_to_h|densereludense[._/]wo|lin2|linear2"
        ),
        RESIDUAL,
        UNITS,
    ),
    (
        "positions",
        r"(wpe|position_embeddings|embed_positions|position_embd|pos_embed(ding)?|positional_embedding)",
        FIXED,
        RESIDUAL,
    ),
    ("types", r"token_type_embeddings|token_types|segment_embeddings", FIXED, RESIDUAL),
    (
        "embedding",
        (
            r"(embed_tokens|wte|tok_embeddings|token_embd|word_embeddings|shared|embed_in|token_embedding"
            r"|tok_emb)"
        ),
        FIXED,
        RESIDUAL,
    ),
    ("head", r"(lm_head|embed_out|output|unembed|decoder)", FIXED, RESIDUAL),
)
POSITIONS: Final = re.compile(r"(wpe|pos(itional|ition)?_?(embed\w*|embd|encoding)|pe)([._/]\w+)?$")
"""Names of tables of positions."""

_KNOWN: Final = tuple(
    (slot, re.compile(rf"(^|[._/])({words})$"), rows, columns) for slot, words, rows, columns in _SLOTS
)
_SINUSOIDAL: Final = frozenset(
    {
        "marian",
        "pegasus",
        "pegasus_x",
        "m2m_100",
        "xglm",
        "fsmt",
        "whisper",
        "speech_to_text",
        "musicgen",
        "ctrl",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a tensor does.

    Attributes:
        slot: its job within its layer: ``q``, ``down``, ``embedding``; empty when its name is not known.
        rows: what its first axis is.
        columns: what its second axis is.
        stack: what comes before the layer's number in its name; empty outside the layers.
        layer: its layer, counted from 0 over all stacks; None outside the layers.
        template: its name with the layer's number taken out.
    """

    slot: str
    rows: str
    columns: str
    stack: str
    layer: int | None
    template: str

    @property
    def axis(self) -> int | None:
        """Give the axis whose units are shuffled: 0 or 1; None when none may be."""
        wanted = UNITS if UNITS in (self.rows, self.columns) else RESIDUAL
        if wanted in (self.rows, self.columns):
            return 0 if self.rows == wanted else 1
        return None

    @property
    def group(self) -> str:
        """Name what is shuffled together with it."""
        if UNITS in (self.rows, self.columns):
            expert = _EXPERT.search(self.template)
            return f"units {self.stack} {self.layer} {expert.group(1) if expert else ''}".strip()
        return f"residual {self.stack}" if RESIDUAL in (self.rows, self.columns) else ""


def assign_roles(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Json], *, anchored: bool = False
) -> dict[str, Role]:
    """Say what each tensor of a model does.

    Args:
        shapes: the tensors' shapes by name.
        config: the model's configuration; may be empty.
        anchored: the residual stream carries a table that was computed, such as sines of positions, so its
            places mean something by themselves.

    Returns:
        A role for each name. Unknown 2-D and 4-D tensors have ``hidden`` axes where their length is both put
        out by one tensor and taken in by another.
    """
    blocks = _number_blocks(shapes)
    found = {name: _known(name, shapes[name], blocks[name]) for name in shapes}
    swapped = _stored_in_by_out(found, shapes)
    width = _width(found, shapes, swapped=swapped)
    fixed = anchored or str(config.get("model_type", "")) in _SINUSOIDAL or _has_sinusoids(config)
    gates = _find_gates(shapes)
    hidden = _hidden_lengths(shapes, gates)
    stacks = {role.stack for role in found.values() if role.layer is not None and role.slot}
    only = next(iter(stacks)) if len(stacks) == 1 else ""
    settled = {
        name: _settle(role, shapes[name], width, hidden, swapped=swapped, fixed=fixed, stack=only)
        for name, role in found.items()
    }
    return settled | {name: _gated(settled[name], axis) for name, (axis, _) in gates.items()}


def _number_blocks(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, int | None, str]]:
    """Split each name into stack, number of the layer over all stacks, and template."""
    parts = {name: _NUMBER.search(name) for name in shapes}
    members: dict[tuple[str, int], int] = Counter()
    for name, found in parts.items():
        if found is not None:
            members[name[: found.start()], int(found.group())] += 1
    many = {stack for stack, number in members if members[stack, number] > 1 or number > 0}
    order: dict[tuple[str, int], int] = {}
    first: dict[str, int] = {}
    for position, (stack, _) in enumerate(members):
        first.setdefault(stack, position)
    for stack, number in sorted(members, key=lambda key: (first[key[0]], key[1])):
        if stack in many:
            order[stack, number] = len(order)
    result: dict[str, tuple[str, int | None, str]] = {}
    for name, found in parts.items():
        if found is None or name[: found.start()] not in many:
            result[name] = ("", None, name)
            continue
        stack = name[: found.start()]
        result[name] = (stack, order[stack, int(found.group())], f"{stack}#{name[found.end() :]}")
    return result


def _known(name: str, shape: tuple[int, ...], block: tuple[str, int | None, str]) -> Role:
    stack, layer, template = block
    unknown = Role(slot="", rows="", columns="", stack=stack, layer=layer, template=template)
    tail = _TAIL.search(name)
    if len(shape) != 2 or (tail is not None and tail.group(1) in {"bias", "b"}):  # noqa: PLR2004
        return unknown
    stem = _TAIL.sub("", name).lower()
    for slot, words, rows, columns in _KNOWN:
        if words.search(stem):
            inside = slot not in {"embedding", "head", "positions", "types"}
            if inside != (layer is not None):
                continue
            return Role(slot=slot, rows=rows, columns=columns, stack=stack, layer=layer, template=template)
    return unknown


def _stored_in_by_out(found: Mapping[str, Role], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Say whether the model stores its matrices in x out, as Conv1D, Flax and Keras do."""
    votes = 0
    for name, role in found.items():
        rows, columns = shapes[name][:2] if role.slot in {"up", "gate", "down"} else (0, 0)
        if rows != columns:
            votes += 1 if (rows > columns) == (role.slot == "down") else -1
    kernels = any(re.search(r"[._/]kernel(:0)?$", name) for name in shapes)
    return votes > 0 or (votes == 0 and kernels)


def _width(
    found: Mapping[str, Role], shapes: Mapping[str, tuple[int, ...]], *, swapped: bool
) -> Mapping[str, int]:
    """Find how wide the residual stream of each stack is."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for name, role in found.items():
        if role.slot and role.layer is not None:
            axis = 0 if (role.rows == RESIDUAL) != swapped else 1
            counts[role.stack][shapes[name][axis]] += 1
    return {stack: count.most_common(1)[0][0] for stack, count in counts.items()}


def _settle(  # noqa: PLR0913 - each is a fact of the model
    role: Role,
    shape: tuple[int, ...],
    width: Mapping[str, int],
    hidden: frozenset[int],
    *,
    swapped: bool,
    fixed: bool,
    stack: str,
) -> Role:
    if not role.slot:
        return _by_shape(role, shape, hidden)
    stack = role.stack or stack
    rows, columns = role.rows, role.columns
    if swapped and role.layer is not None:
        rows, columns = columns, rows
    wide = width.get(stack)
    axis = (rows, columns).index(RESIDUAL)
    if wide is not None and shape[axis] != wide:
        if shape[1 - axis] != wide:
            return _by_shape(role, shape, hidden)
        rows, columns = columns, rows
    if fixed:
        rows, columns = (FIXED if what == RESIDUAL else what for what in (rows, columns))
    return Role(
        slot=role.slot, rows=rows, columns=columns, stack=stack, layer=role.layer, template=role.template
    )


def _by_shape(role: Role, shape: tuple[int, ...], hidden: frozenset[int]) -> Role:
    rows = columns = FIXED
    if len(shape) >= 2:  # noqa: PLR2004
        length, width, _ = matrix_shape(shape)
        rows = HIDDEN if length in hidden else FIXED
        columns = HIDDEN if width in hidden else FIXED
    return Role(
        slot="", rows=rows, columns=columns, stack=role.stack, layer=role.layer, template=role.template
    )


def _find_gates(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, int]]:
    """Find tensors that feed the gates of recurrent layers: the axis of gates, the length of the state.

    Gates differ from one another in every model, so their axis is not one of units.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name, shape in shapes.items():
        if len(shape) == 2 and _RECURRENT.fullmatch(name):  # noqa: PLR2004
            groups[re.sub(r"(_ih|_hh|(recurrent_)?kernel)(?=[^./]*$)", "", name)].append(name)
    found: dict[str, tuple[int, int]] = {}
    for names in groups.values():
        own = [name for name in names if "_hh" in name or "recurrent_" in name]
        if len(own) != 1:
            continue
        axis, state = int("kernel" in own[0]), min(shapes[own[0]])
        if max(shapes[own[0]]) > state:
            found |= dict.fromkeys(names, (axis, state))
    return found


def _gated(role: Role, axis: int) -> Role:
    """Fix the axis of the gates; of a state's own matrix the other is hidden."""
    other = role.columns if axis == 0 else role.rows
    if re.search(r"_hh|recurrent_", role.template):
        other = HIDDEN
    rows, columns = (FIXED, other) if axis == 0 else (other, FIXED)
    return Role(
        slot="", rows=rows, columns=columns, stack=role.stack, layer=role.layer, template=role.template
    )


def _hidden_lengths(
    shapes: Mapping[str, tuple[int, ...]], gates: Mapping[str, tuple[int, int]]
) -> frozenset[int]:
    """Find lengths that one tensor puts out and another takes in.

    Not where all of them are square: so are the matrices of linear models, whose places mean something.
    """
    out: dict[int, set[str]] = defaultdict(set)
    taken: dict[int, set[str]] = defaultdict(set)
    for name, shape in shapes.items():
        if len(shape) >= 2:  # noqa: PLR2004
            rows, columns, _ = matrix_shape(shape)
            if name in gates:
                axis, rows = gates[name]
                columns = matrix_shape(shape)[1 - axis]
            out[rows].add(name)
            taken[columns].add(name)
    return frozenset(
        length
        for length in out
        if length in taken and len(out[length] | taken[length]) > 1 and out[length] != taken[length]
    )


def _has_sinusoids(config: Mapping[str, Json]) -> bool:
    return str(config.get("position_embedding_type", "")).lower() in {"sinusoidal", "fixed"} or bool(
        config.get("sinusoidal_pos_embds")
    )
