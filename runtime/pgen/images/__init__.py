"""Pictures and their files: the picture model, postprocessing, encoding, metadata, names, grids and animations."""
