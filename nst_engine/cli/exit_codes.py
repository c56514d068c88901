"""What the command's exit codes mean; 0 is success."""

BAD_INPUT, INTERRUPTED = 2, 130
