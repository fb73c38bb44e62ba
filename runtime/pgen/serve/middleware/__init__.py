"""The layers around the endpoints: access log, authorization and limits."""
