"""Promotions: configs of one environment requested in another."""

from karma_api.resources.promotions import ROUTES as SERVED
from karma_lambda.entry import serve
from karma_lambda.ordering import make_starter

UPDATES_GRAPH = True
handler = serve(SERVED, make_starter=make_starter)
