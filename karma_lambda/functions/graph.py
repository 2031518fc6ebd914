"""The graph: shown, walked, compared."""

from karma_api.resources.graph import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
