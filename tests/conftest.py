"""One BLAS thread: the matrices here are small, and waiting threads would take the cores from ours. And Ctrl-C as it is at a terminal."""

import os
import signal

for library in ("OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# a shell starts jobs in the background deaf to Ctrl-C, where tests wait for ever for it to be heard
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
