"""The commands of pgen, one module each; a command is imported when it is called."""
