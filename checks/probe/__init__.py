"""Survey a URL stage by stage, and change one thing at a time.

Nothing outside this package opens client sockets.
"""

from .http1 import BODY_LIMIT
from .look import look
from .target import NOTIFICATIONS, Target

__all__ = ["BODY_LIMIT", "NOTIFICATIONS", "Target", "look"]
