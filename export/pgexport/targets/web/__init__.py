"""The page of ``pgen serve`` as a static folder, whose networks run in the visitor's browser."""
