"""Builds: listed, shown, ordered."""

from karma_api.resources.builds import ROUTES
from karma_lambda.entry import serve
from karma_lambda.ordering import make_starter

handler = serve(ROUTES, make_starter=make_starter)
