#!/bin/sh
# Draws docs/contact-sheet.png with the embedded bundle. Run from the repository's root.
set -e
pgen image \
  Charizard Pikachu Gengar Lapras Mewtwo Squirtle \
  Ponyta Jigglypuff Azumarill Steelix Gardevoir Kyogre \
  "a red fire lizard" "a small blue water turtle" "a pink fairy cat" "a brown rock golem" "a yellow electric mouse" "a white ice bird" \
  Zorbulax Flamewing Aquadon Thornbat Pebblet Mistfairy \
  --grid --columns 6 --size 112 --out docs/contact-sheet.png
