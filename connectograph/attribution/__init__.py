"""Why connections are wrong, what each source of error costs, and what to fix first.

Conventions: arguments are (truth, predicted), then what matches them; pure functions of tables; causes, parts of a loss
and fixes add up exactly.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
