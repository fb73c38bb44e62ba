"""What test_scale starts with torchrun: one training after the other, each given as the arguments of pgtrain."""

import json
import sys

from pgtrain.cli import main

for arguments in json.loads(sys.argv[1]):
    main(arguments, standalone_mode=False)
