"""What the command's exit codes mean; 0 is success."""

BAD_INPUT, INTERRUPTED = 2, 130
#: As shells have it of programs that SIGPIPE ends: what was to be written was not.
READER_GONE = 141
