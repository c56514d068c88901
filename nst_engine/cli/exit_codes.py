"""What the command's exit codes mean; 0 is success."""

#: The machine failed: no memory, a device that is gone.
FAILED = 1
BAD_INPUT, INTERRUPTED = 2, 130
#: Of several inputs some could not be used; the results of the others are there.
SOME_FAILED = 3
#: As shells report for programs that SIGPIPE ends: the output is incomplete.
READER_GONE = 141
