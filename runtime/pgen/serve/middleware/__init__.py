"""Middleware around the endpoints: access log, authentication and limits."""
