"""A receiver of what platforms send: webhooks, events, automations.

It learns of a model after the fact: it registers it, writes the receipt to its tags, and when a use is
refused it says so there and undoes the use where the platform has the means. Only a hook that stands before
the fact can veto.

Start it with ``weightmark serve``, or under any ASGI server with ``weightmark_hooks.webhook:create_app`` as
the factory. Names are read when they are first used: ``weightmark --help`` looks into this package too.
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # pyright: ignore[reportUnknownVariableType]
