"""Hugging Face's library asks Weightmark before it pushes a model to the Hub, and when it loads one.

Without a line of code: ``WEIGHTMARK_HOOKS=huggingface``. In a program:
``weightmark_hooks.huggingface.protect()``, once. For transformers' ``Trainer`` there is
``WeightmarkCallback`` besides, which tells at once what the Trainer's pushes in the background would not.
"""

from typing import Any

__all__ = ["protect", "unprotect"]


def protect() -> None:
    """Guard pushes to the Hub and loads from it, for this process; called again, it changes nothing.

    The check runs in this process, so it holds those who mean well.

    Raises:
        MissingExtraError: Hugging Face's library is not installed.

    >>> import weightmark_hooks.huggingface
    >>> weightmark_hooks.huggingface.protect()   # doctest: +SKIP
    """
    from weightmark_hooks.huggingface.protection import put_in

    put_in()


def unprotect() -> None:
    """Leave the library as it was before ``protect``."""
    from weightmark_hooks.huggingface.protection import take_out

    take_out()


def __getattr__(name: str) -> Any:
    """Make the callback's class when it is asked for, since it needs transformers."""
    if name == "WeightmarkCallback":
        from weightmark_hooks.huggingface.callback import callback_class

        return callback_class()
    raise AttributeError(name)
