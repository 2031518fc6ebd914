"""Configs and their history; the types."""

from karma_api.resources.config import ROUTES
from karma_lambda.entry import serve

handler = serve(ROUTES)
