"""Events from outside into the log, and the log as server-sent events."""

from karma_api.resources.events import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
