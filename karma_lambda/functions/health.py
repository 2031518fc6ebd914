"""Whether the function lives and its stores answer."""

from karma_api.resources import health
from karma_lambda.entry import serve

# A function has no metrics page: its counts are CloudWatch metrics.
SERVED = tuple(route for route in health.ROUTES if route.name != "metrics")
handler = serve(SERVED)
