from .receiver import Receiver as Receiver
from .receiver import create_app as create_app

__all__ = ["Receiver", "create_app"]
