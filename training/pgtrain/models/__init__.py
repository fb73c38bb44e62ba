"""Networks and building blocks that several systems share."""
