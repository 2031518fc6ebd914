"""Runs: shown and ordered; deployments and drift."""

from karma_api.resources.runs import ROUTES
from karma_lambda.entry import serve
from karma_lambda.ordering import make_starter

handler = serve(ROUTES, make_starter=make_starter)
