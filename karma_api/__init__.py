"""Karma over HTTP: handlers and a route table that know no framework; the Starlette application over them."""
