"""Evaluation of what a run generates.

Pictures are compared in the features of a network: Fréchet and kernel distance to the artwork, precision and recall,
diversity, the nearest training pictures, and whether the picture of a name finds its own Pokémon. Rows of the stats
GAN are measured by SDMetrics, by classifiers, and by the share that was copied.
"""
