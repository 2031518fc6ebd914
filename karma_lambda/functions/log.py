"""The log: listed, compared, verified."""

from karma_api.resources.log import ROUTES as SERVED
from karma_lambda.entry import serve

handler = serve(SERVED)
