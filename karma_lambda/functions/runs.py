"""Runs: shown and ordered; deployments and drift."""

from karma_api.resources.runs import ROUTES as SERVED
from karma_lambda.entry import serve
from karma_lambda.ordering import make_starter

handler = serve(SERVED, make_starter=make_starter)
