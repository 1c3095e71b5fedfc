"""A receiver of MLflow's webhooks, for servers that cannot be guarded.

It learns of a model after the fact: it registers it, writes the receipt to its tags, and says so on a version
that was promoted against its licence. It cannot veto; only a guarded store can.

Start it with ``python -m weightmark_hooks.webhook``, or under any ASGI server with
``weightmark_hooks.webhook:create_app`` as the factory.
"""

from weightmark_hooks.webhook.receiver import MlflowReceiver, create_app

__all__ = ["MlflowReceiver", "create_app"]
