"""``pgen serve``: images, animations, stats and dex entries over HTTP, compatible with the OpenAI images API."""
