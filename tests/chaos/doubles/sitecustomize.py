"""Read by every Python that starts with this folder on PYTHONPATH: the detect worker gets a detector with faults."""

import sys

if "detect" in sys.orig_argv:
    from inference.registry import DETECTORS

    DETECTORS["builtin"] = "tests.chaos.doubles.detector"
