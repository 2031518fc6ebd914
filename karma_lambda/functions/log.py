"""The log: listed, compared, verified."""

from karma_api.resources.log import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
