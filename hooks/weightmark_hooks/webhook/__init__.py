"""A receiver of what platforms send: webhooks, events, automations.

It learns of a model after the fact: it registers it, writes the receipt to its tags, and when a use is
refused it says so there and undoes the use where the platform has the means. Only a hook that stands before the
fact can veto.

Start it with ``weightmark serve``, or under any ASGI server with ``weightmark_hooks.webhook:create_app`` as
the factory.
"""

from weightmark_hooks.webhook.receiver import Receiver, create_app

__all__ = ["Receiver", "create_app"]
