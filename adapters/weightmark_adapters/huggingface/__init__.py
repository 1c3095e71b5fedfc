"""Hugging Face: models on the Hub, on huggingface.co or any server that speaks its protocol."""

from weightmark.hookspecs import hookimpl
from weightmark.ports import Registry
from weightmark_adapters.huggingface.registry import HuggingfaceRegistry

__all__ = ["HuggingfaceRegistry", "weightmark_registries"]


@hookimpl
def weightmark_registries() -> list[type[Registry]]:
    """Offer the Hub's registry."""
    return [HuggingfaceRegistry]
