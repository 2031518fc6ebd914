"""Webhooks: signed deliveries, each taken once."""

from karma_api.resources.webhooks import ROUTES as SERVED
from karma_lambda.entry import serve
from karma_lambda.hooks import make_hooks
from karma_lambda.ordering import make_starter

handler = serve(SERVED, make_starter=make_starter, make_hooks=make_hooks)
