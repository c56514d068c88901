"""What the command's exit codes mean; 0 is success."""

BAD_INPUT, INTERRUPTED = 2, 130
#: As shells report for programs that SIGPIPE ends: the output is incomplete.
READER_GONE = 141
