"""The commands of pgen, a module each; one is imported only when it is called."""
