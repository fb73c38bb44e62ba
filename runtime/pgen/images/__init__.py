"""Pictures and their files: postprocessing, encoding, metadata, names, grids and animations."""
