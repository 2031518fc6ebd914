"""Questions to the graph: by name, or in Gremlin."""

from karma_api.resources.queries import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
