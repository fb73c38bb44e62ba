"""``pgen serve``: pictures, films, rows and cards over HTTP, in the shape of the OpenAI images API."""
