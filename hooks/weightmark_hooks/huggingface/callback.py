"""A callback for transformers' Trainer: it registers what is saved, and refuses a push before it begins.

The Trainer pushes checkpoints in the background, where an error would stay unseen; this tells it.
"""

import functools
from pathlib import Path
from typing import Any, Final, cast

from weightmark.errors import RefusedError
from weightmark.model.event import ModelEvent
from weightmark.vocabulary import EventKind, Fact
from weightmark.workspace import ask, failing_closed, process_workspace
from weightmark_adapters.huggingface import sdk
from weightmark_hooks.huggingface.admission import check_bases
from weightmark_hooks.huggingface.push import take_background

_SECONDS: Final = 3600.0


class CheckpointCallback:
    """What the callback does; mixed in before transformers' own class.

    Args:
        wait: whether the end of training waits for pushes in the background and raises their refusals.
    """

    def __init__(self, *, wait: bool = True) -> None:
        super().__init__()
        self._wait = wait

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Register the checkpoint that was saved; nothing is refused here.

        Raises:
            RefusedError: it could not be recorded.
        """
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if folder.is_dir():
            name = str(args.hub_model_id or Path(str(args.output_dir)).resolve().name)
            bases = _bases(kwargs.get("model"))
            ask(
                ModelEvent(
                    kind=EventKind.LOG,
                    uri=str(folder),
                    name=name,
                    base_models=bases,
                    context={"platform": "transformers", "step": str(state.global_step)},
                )
            )
        return control

    def on_push_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Refuse a push before anything is saved for it, when the base model's licence forbids it.

        Raises:
            RefusedError: it forbids it, or it is not known.
        """
        del state
        repo = str(args.hub_model_id or Path(str(args.output_dir)).resolve().name)
        bases = _bases(kwargs.get("model"))
        with failing_closed(f"to push hf://{repo}"):
            check_bases(process_workspace(), repo, {Fact.BASE_MODEL.value: ",".join(bases)})
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Wait for the pushes in the background and raise the first refusal among them.

        Raises:
            RefusedError: a push was refused; the training is done and its files are saved.
        """
        del args, state, kwargs
        refusals = [future.exception(_SECONDS) for future in take_background()] if self._wait else []
        for refusal in refusals:
            if isinstance(refusal, RefusedError):
                raise refusal
        return control


@functools.cache
def callback_class() -> type[CheckpointCallback]:
    """Make the class that the Trainer takes.

    Raises:
        ImportError: transformers is not installed.
    """
    base = sdk.load("transformers").TrainerCallback
    made = type("WeightmarkCallback", (CheckpointCallback, base), {"__doc__": CheckpointCallback.__doc__})
    return cast("type[CheckpointCallback]", made)


def _bases(model: Any) -> tuple[str, ...]:
    """Give the model that the one in training was loaded from; none for one made from scratch."""
    name = str(getattr(getattr(model, "config", None), "_name_or_path", "") or "")
    if not name:
        return ()
    return (Path(name).resolve().as_uri() if Path(name).is_dir() else name,)
